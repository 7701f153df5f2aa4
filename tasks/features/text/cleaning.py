"""Text cleaning of `meld-text-audio` before BERT: lower case, letters only, no stop words, lemmas.

`SOURCE_CODE` has the steps that the source's code performs. `Cleaning()` corrects it where the code does not do what
its text describes:

* The source filters letters instead of words and discards the result. We filter words, with the same list (NLTK's,
  `tasks.text.words`).
* The list contains "not", "no", "nor" and "don't"; removing them reverses the meaning of a sentence. We keep negations
  by default and replace "n't" by "not", its lemma in spaCy.
* `encode("ascii", "ignore")` deletes typographic apostrophes ("can’t" → "cant") and accented letters ("café" → "caf").
  We replace apostrophes by the ASCII one and remove accents first.
* The source deletes characters without replacement ("Okay...I" → "okayi"). We replace them by a space.

Lemmas come from simplemma instead of spaCy, whose model is a separate download. simplemma ignores context ("left" is
always "leave"). Contractions are split first, because it lemmatises "isn't" as "be".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tasks.text.words import STOP_WORDS

_APOSTROPHES = dict.fromkeys(map(ord, "‘’‛ʼ′´`＇"), "'")
_QUOTES = {**_APOSTROPHES, **dict.fromkeys(map(ord, "“”„‟″"), '"')}
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
)
"""Letters without a decomposition in Unicode."""
_PUNCTUATION = re.compile(r"[^\w\s]|_")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")

_NEGATIONS = frozenset({"no", "nor", "not"})
"""Negations in the stop-word list; it does not contain "never", "nobody" or "without"."""
_CONTRACTIONS = {
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
"""Suffix after an apostrophe → word. "s" (genitive, is, has) and "d" (had, would) are ambiguous and kept."""
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
"""Corrections of simplemma for words common in dialogue: it gives "gan" for "gone", "wive" for "wives"."""


@dataclass(frozen=True)
class Cleaning:
    """Cleaning steps, in this order.

    Args:
        ascii_only: remove accents, then replace non-ASCII characters by a space
        lower: convert to lower case
        letters_only: replace everything except letters, and apostrophes inside words, by a space
        stop_words: remove stop words
        keep_negations: keep negations although they are stop words
        lemmas: replace English words by their lemmas
        no_punctuation: replace everything except letters, digits and spaces by a space; part of `letters_only`
        deletes: delete characters where other cleanings replace them by a space, accented letters and typographic
            apostrophes included
    """

    ascii_only: bool = True
    lower: bool = True
    letters_only: bool = True
    stop_words: bool = True
    keep_negations: bool = True
    lemmas: bool = True
    no_punctuation: bool = False
    deletes: bool = False


ASCII_WORDS = Cleaning(lower=False, letters_only=False, stop_words=False, lemmas=False, no_punctuation=True)
"""The cleaning of `ser-bench` before BERT and RoBERTa on CMU-MOSEI: no Unicode characters, no punctuation."""

SOURCE_CODE = Cleaning(stop_words=False, deletes=True)
"""Cleaning as in the code of `meld-text-audio`: it deletes characters, keeps stop words and lemmatises."""
_DELETED = re.compile(r"[^A-Za-z\s']")


def ascii_quotes(text: str) -> str:
    """Return a text with ASCII's apostrophes and quotation marks.

    Args:
        text: the text

    Example:
        >>> ascii_quotes("“Stop!” ")
        '"Stop!"'
    """
    return text.translate(_QUOTES).strip()


def clean(text: str, cleaning: Cleaning) -> str:
    """Clean a text; the result may be empty.

    Args:
        text: English text
        cleaning: steps to apply

    Example:
        >>> clean("I can’t believe it – you’ve gone!", Cleaning())
        'not believe go'
        >>> clean("Was it you?", Cleaning())
        ''
        >>> clean("I can’t believe it – you’ve gone!", SOURCE_CODE)
        'i cant believe it youve go'
    """
    if cleaning.deletes:
        text = _DELETED.sub("", text.encode("ascii", "ignore").decode())
    else:
        text = text.translate(_APOSTROPHES)
    if cleaning.ascii_only:
        text = _ascii(text)
    if cleaning.lower:
        text = text.lower()
    if cleaning.letters_only:
        text = " ".join(_WORD.findall(text))
    if cleaning.no_punctuation:
        text = _PUNCTUATION.sub(" ", text)
    if cleaning.stop_words or cleaning.lemmas:
        text = _WORD.sub(lambda match: " ".join(_processed(match[0], cleaning)), text)
    return " ".join(text.split())


def _ascii(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    unaccented = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.sub(r"[^\x00-\x7f]", " ", unaccented)


def _processed(word: str, cleaning: Cleaning) -> Iterator[str]:
    for piece in _pieces(word):
        if cleaning.stop_words and _is_removed(piece.lower(), cleaning.keep_negations):
            continue
        yield _lemma(piece, cleaning.lower) if cleaning.lemmas else piece


def _pieces(word: str) -> tuple[str, ...]:
    """Split contractions: "don't" → "do", "not"; "they'll've" → "they", "will", "have"."""
    small = word.lower()
    if small in _CONTRACTIONS:
        return _CONTRACTIONS[small]
    if small.endswith("n't"):
        return (*_pieces(word[:-3]), "not")
    stem, _, tail = word.rpartition("'")
    if stem and tail.lower() in _CLITICS:
        return (*_pieces(stem), _CLITICS[tail.lower()])
    return (word,)


def _is_removed(word: str, keep_negations: bool) -> bool:
    return word in STOP_WORDS and not (keep_negations and word in _NEGATIONS)


@cache
def _lemma(word: str, lower: bool) -> str:
    import simplemma

    if (correction := _LEMMAS.get(word.lower())) is not None:
        return correction
    lemma = simplemma.lemmatize(word, lang="en")
    # simplemma capitalises names
    return lemma.lower() if lower else lemma
