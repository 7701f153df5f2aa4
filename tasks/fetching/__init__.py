"""Fetch media over the network: lists of URLs, blocking of private addresses, yt-dlp, retries."""
