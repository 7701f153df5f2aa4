"""Shared by all models: interface, registry, checks, files; nothing about training."""
