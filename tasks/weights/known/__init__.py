"""The table of known checkpoints: purpose, licence, digests, training data with sources."""
