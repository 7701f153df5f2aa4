"""What needs PyTorch: networks and the loop that trains them. Imported when something is fitted, scored or loaded."""
