"""Label quality: error analysis, thresholds and rated texts."""
