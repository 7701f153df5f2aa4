"""Extractors that read text."""
