"""Extractors of video features."""
