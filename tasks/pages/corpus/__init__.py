"""The corpus doctor's page."""
