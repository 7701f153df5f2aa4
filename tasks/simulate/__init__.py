"""Simulated data: an interview site (invented people, synthetic voices, captions, an HTTP server), and corpora.

sentences ──► interviews (plan of words and delivery) ──► voices ──► sound ──► captions
                                                                       └──────────┴──► site (HTTP on loopback)
sentences ──► studio (voices, faces) ──► the samples of tasks/corpora/readers
"""
