"""The classifier of the weak-supervision path: its recipe and its training rows."""
