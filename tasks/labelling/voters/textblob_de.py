"""German words with a polarity, from the lexicon of textblob-de, with rules for negation and contrast."""

from __future__ import annotations

from collections.abc import Callable

from tasks.labelling.lexicons import pattern_xml

NAME = "textblob_de"
LICENCE = "MIT (textblob-de), Apache-2.0 (the lexicon)"
LANGUAGES = ("de",)


def load() -> Callable[[str], float | None]:
    """Return a function from a German text to the mean polarity of its rated words in [-1, 1]; None if it has none."""
    return pattern_xml.scorer(NAME, "de", "textblob_de", "data", "de-sentiment.xml")
