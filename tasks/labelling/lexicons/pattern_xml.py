"""Lexicons in the XML format of the package pattern (De Smedt & Daelemans 2012, JMLR 13): words with a polarity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial

from tasks.labelling.lexicons import clauses, package_data
from tasks.text.word_cache import WordCache


def scorer(voter: str, language: str, *place: str) -> Callable[[str], float | None]:
    """Return a function from a text to the mean polarity of its rated words, as TextBlob's, None if it has none.

    A word that the lexicon does not list counts as its lemma.

    Args:
        voter: its name, for messages
        language: primary subtag
        place: package, folders and file of the lexicon

    Raises:
        ConfigError: if the package is not installed
    """
    polarities = _polarities(package_data.read(voter, *place))
    lookup = WordCache(partial(_polarity, polarities, language))
    rules = clauses.RULES[language]

    def score(text: str) -> float | None:
        ratings = clauses.rated(text, lookup.__getitem__, rules).ratings
        # negation and contrast have factors above 1
        return max(-1.0, min(sum(ratings) / len(ratings), 1.0)) if ratings else None

    return score


def _polarity(polarities: Mapping[str, float], language: str, word: str) -> float | None:
    from simplemma import lemmatize

    if word in polarities:
        return polarities[word]
    return polarities.get(lemmatize(word, lang=language).lower())


def _polarities(content: str) -> dict[str, float]:
    """Return the mean polarity of each word's senses."""
    from defusedxml.ElementTree import fromstring

    senses = defaultdict[str, list[float]](list)
    for word in fromstring(content).iter("word"):
        senses[word.get("form", "").lower()].append(float(word.get("polarity", 0)))
    return {word: sum(values) / len(values) for word, values in senses.items()}
