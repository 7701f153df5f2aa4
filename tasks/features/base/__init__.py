"""The extractor interface, its registry, pretrained checkpoints and the feature store."""
