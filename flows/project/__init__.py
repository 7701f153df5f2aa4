"""The project folder: its DAG, DVC's records, the shipped files and their upgrade."""
