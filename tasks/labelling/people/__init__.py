"""Listeners' ratings and their agreement."""
