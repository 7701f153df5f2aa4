"""One family of models per module: arrays in, arrays out."""
