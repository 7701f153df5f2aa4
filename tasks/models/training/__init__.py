"""Training of networks: settings, loop, checkpoints, inference, and the estimator that uses them."""
