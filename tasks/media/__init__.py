"""Decoding of sound and video, fingerprints of sound, and the media files behind utterances."""
