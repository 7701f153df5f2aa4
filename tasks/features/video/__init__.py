"""Extractors that read video frames."""
