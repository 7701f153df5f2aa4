"""TextBlob's polarity: the mean polarity of the words in pattern.en's lexicon, with its rules for negation and degree.

TextBlob's default analyzer *is* pattern.en's (De Smedt & Daelemans 2012, JMLR 13), lexicon and code: pattern.en asked
as a further voter would cast this vote a second time.
"""

from __future__ import annotations

from collections.abc import Callable

NAME = "textblob"
LICENCE = "MIT (TextBlob), PDDL (the lexicon, from pattern)"


def load() -> Callable[[str], float]:
    """Return a function from a text to `TextBlob(text).sentiment.polarity`, in [-1, 1], without making the blob."""
    from textblob.en import sentiment

    def vote(text: str) -> float:
        return float(sentiment(text)[0])

    return vote
