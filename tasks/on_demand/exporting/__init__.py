"""Exports of interviews, corpora and predictions in formats of other programs: one module per format in `formats`."""
