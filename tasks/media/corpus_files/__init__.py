"""Media files of a corpus: listing, and checks of sound and video."""
