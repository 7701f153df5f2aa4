"""The report of the weak-supervision path."""
