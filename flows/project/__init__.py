"""The project folder and its DVC pipeline."""
