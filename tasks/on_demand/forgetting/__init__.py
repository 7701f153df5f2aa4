"""Removal of a person's data: what belongs to them, where it is, and how files are rewritten without it."""
