"""Pretrained weights: a table of known checkpoints, and a cache of those that packages contain."""
