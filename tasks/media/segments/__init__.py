"""Cut segments on disk: Parquet shards and how they are read."""
