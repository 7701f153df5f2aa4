"""The media files of a corpus: lookup, sound check and video check."""
