"""Label quality: voters' statistics, thresholds and rated texts."""
