"""When and where work runs: imports Prefect and DVC, and holds no domain logic."""
