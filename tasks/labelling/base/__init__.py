"""Voters: the registry of shipped voters, and the two kinds a project can add (a module, a trained model)."""
