"""Receipts of scores: everything they depend on, as a record, as JSON-LD, and compared with what is here."""
