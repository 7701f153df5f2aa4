"""The work itself: plain Python stages from media to report. Imports neither Prefect nor DVC."""
