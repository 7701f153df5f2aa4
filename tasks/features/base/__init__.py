"""Extractor interface, extractor registry, pretrained checkpoints and feature store."""
