"""The leaderboard page and the published scores it shows."""
