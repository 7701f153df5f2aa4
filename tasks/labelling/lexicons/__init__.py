"""Lexicons of other packages, and rules of negation and contrast by language."""
