"""Votes of lexicons: eligibility of utterances, storage, and the combination of votes to labels."""
