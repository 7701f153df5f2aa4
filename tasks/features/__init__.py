"""One extractor per module: arrays in, arrays out."""
