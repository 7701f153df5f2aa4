"""The model interface, its registry, and base classes that several model families share."""
