"""What all models share: interface, registry, checks, files; nothing about training."""
