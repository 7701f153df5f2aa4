"""Tokens and word counts, as in the source document."""
