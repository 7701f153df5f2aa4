"""Labels: lexicon votes, listeners' ratings, and the quality of both."""
