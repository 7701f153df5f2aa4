"""Text as the source of `meld-text-audio` cleans it before BERT: lower case, letters only, no stop words, lemmas.

What is mended, because the source's code does not do what its text says:

* Its stop-word filter runs over letters instead of words, and what it returns is thrown away. Here words are filtered,
  with the same list (NLTK's, `tasks.text.words`).
* That list holds "not", "no", "nor" and "don't": without them a sentence says its opposite. They are kept unless asked
  otherwise, and "n't" becomes "not", as spaCy's lemma of it is.
* `encode("ascii", "ignore")` swallows the typographic apostrophe ("can’t" becomes "cant") and accents with their letter
  ("café" becomes "caf"). Here apostrophes become ASCII's and letters lose their accents first.
* Removed characters leave no gap ("Okay...I" becomes "okayi"). Here they leave a blank.

Lemmas come from simplemma instead of spaCy, whose model is a download of its own. It looks words up without their
context, so "left" is "leave" wherever it stands; contractions are cut first, since it takes "isn't" for "be".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tasks.text.words import STOP_WORDS

_APOSTROPHES = dict.fromkeys(map(ord, "‘’‛ʼ′´`＇"), "'")
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
)
"""Letters that Unicode does not take for a letter with an accent."""
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")

_NEGATIONS = frozenset({"no", "nor", "not"})
"""Those on the stop list: "never", "nobody", "without" are not on it and stay anyway."""
_CUT = {
    "ain't": ("is", "not"),
    "can't": ("can", "not"),
    "cannot": ("can", "not"),
    "n't": ("not",),
    "shan't": ("shall", "not"),
    "won't": ("will", "not"),
    "y'all": ("you", "all"),
    "y'know": ("you", "know"),
}
_CLITICS = {"m": "am", "re": "are", "ve": "have", "ll": "will", "s": "s", "d": "d"}
"""What stands after an apostrophe. "s" may be a genitive, is or has, "d" had or would: they stay what they are."""
_LEMMAS = {
    "dang": "dang",
    "etc": "etc",
    "feelings": "feeling",
    "felt": "feel",
    "gone": "go",
    "left": "leave",
    "media": "media",
    "opera": "opera",
    "thieves": "thief",
    "thought": "think",
    "us": "us",
    "wives": "wife",
    "wolves": "wolf",
    "won": "win",
    "worse": "bad",
}
"""Where simplemma errs on words common in dialogue: "gone" would be "gan", "wives" "wive", and "felt" is cloth."""


@dataclass(frozen=True)
class Cleaning:
    """What is done to a text, in this order.

    Args:
        ascii_only: letters lose their accents; what is not ASCII then becomes a blank
        lower: lower case
        letters_only: all but letters, and apostrophes inside words, becomes a blank
        stop_words: stop words are taken out
        keep_negations: … but not those that negate
        lemmas: English words become their lemmas
    """

    ascii_only: bool = True
    lower: bool = True
    letters_only: bool = True
    stop_words: bool = True
    keep_negations: bool = True
    lemmas: bool = True


def clean(text: str, cleaning: Cleaning) -> str:
    """Return a text cleaned; "" where nothing is left of it, as of "Are you?" without stop words.

    Args:
        text: what was said, English
        cleaning: what is done to it

    Example:
        >>> clean("I can’t believe it – you’ve gone!", Cleaning())
        'not believe go'
        >>> clean("Was it you?", Cleaning())
        ''
    """
    text = text.translate(_APOSTROPHES)
    if cleaning.ascii_only:
        text = _ascii(text)
    if cleaning.lower:
        text = text.lower()
    if cleaning.letters_only:
        text = " ".join(_WORD.findall(text))
    if cleaning.stop_words or cleaning.lemmas:
        text = _WORD.sub(lambda found: " ".join(_treated(found[0], cleaning)), text)
    return " ".join(text.split())


def _ascii(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    bare = "".join(part for part in parts if not unicodedata.combining(part))
    return re.sub(r"[^\x00-\x7f]", " ", bare)


def _treated(word: str, cleaning: Cleaning) -> Iterator[str]:
    for piece in _pieces(word):
        if cleaning.stop_words and _goes(piece.lower(), cleaning.keep_negations):
            continue
        yield _lemma(piece, cleaning.lower) if cleaning.lemmas else piece


def _pieces(word: str) -> tuple[str, ...]:
    """Cut contractions: "don't" is "do" and "not", "they'll've" "they", "will" and "have"."""
    small = word.lower()
    if small in _CUT:
        return _CUT[small]
    if small.endswith("n't"):
        return (*_pieces(word[:-3]), "not")
    stem, _, tail = word.rpartition("'")
    if stem and tail.lower() in _CLITICS:
        return (*_pieces(stem), _CLITICS[tail.lower()])
    return (word,)


def _goes(word: str, keep_negations: bool) -> bool:
    return word in STOP_WORDS and not (keep_negations and word in _NEGATIONS)


@cache
def _lemma(word: str, lower: bool) -> str:
    import simplemma

    if (known := _LEMMAS.get(word.lower())) is not None:
        return known
    lemma = simplemma.lemmatize(word, lang="en")
    # names come back with a capital
    return lemma.lower() if lower else lemma
