"""Decode sound and video, fingerprint sound, cut and store segments."""
