"""The local Prefect server, its worker and the report site."""
