"""French words with a polarity, from the lexicon of textblob-fr, with rules for negation and contrast."""

from __future__ import annotations

from collections.abc import Callable

from tasks.labelling.lexicons import pattern_xml

NAME = "textblob_fr"
LICENCE = "MIT (textblob-fr), PDDL (the lexicon, from pattern)"
LANGUAGES = ("fr",)


def load() -> Callable[[str], float | None]:
    """Return a function from a French text to the mean polarity of its rated words in [-1, 1]; None if it has none."""
    return pattern_xml.scorer(NAME, "fr", "textblob_fr", "fr-sentiment.xml")
