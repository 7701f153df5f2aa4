"""Protocols, splits, scores and class balancing."""
