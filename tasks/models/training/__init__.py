"""The training loop of networks: settings, batches, checkpoints, tracking and augmentation."""
