"""Flow runs: stages as Prefect task runs, runners, progress and artifacts."""
