"""Segments: cutting them, and their Parquet shards."""
