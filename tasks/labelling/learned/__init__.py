"""Learned voters: multinomial logistic regression on the vectors of a sentence encoder and the scores of lexicons."""
