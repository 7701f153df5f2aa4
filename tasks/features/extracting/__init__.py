"""Work of stage extract: batches, and segments whose features are extracted while they are cut."""
