"""How media come over the network: the lists that name them, the guard on addresses, yt-dlp, and patience."""
