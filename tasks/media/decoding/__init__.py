"""Decode sound and video in a child process: media are untrusted, and native decoders crash, hang and allocate."""
