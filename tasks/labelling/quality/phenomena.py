"""What lexicons are known to stumble over, as marks in a text: how often each voter is right where they stand.

Negation and degree are what VADER and TextBlob have rules for (Hutto & Gilbert 2014, section 3); hedges, "sorry",
questions and sarcasm are what they have none for. A mark is a sign of the thing, not the thing: irony without a mark
is not found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

MARKS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "negation": re.compile(
            r"\b(?:not|no|never|nobody|nothing|nowhere|neither|nor|cannot|without|hardly|barely)\b|n['’]t\b",
            re.IGNORECASE,
        ),
        "degree": re.compile(
            r"\b(?:very|really|so|too|extremely|absolutely|totally|incredibly|completely|such)\b", re.IGNORECASE
        ),
        "hedge": re.compile(r"\b(?:kind|kinds|sort|sorts) of\b|\b(?:kinda|sorta)\b", re.IGNORECASE),
        "sorry": re.compile(r"\b(?:sorry|apolog\w+)\b", re.IGNORECASE),
        "contrast": re.compile(r"\b(?:but|however|although|though|yet)\b", re.IGNORECASE),
        "question": re.compile(
            r"\?|^\W*(?:what|why|how|who|when|where|which|do|does|did|is|are|was|were|can|could|would|will)\b",
            re.IGNORECASE,
        ),
        "sarcasm": re.compile(
            r"\byeah,? right\b|\bas if\b|\bthanks a lot\b|\boh,? (?:great|joy|good)\b|\bjust great\b|#sarcas\w*|\s/s\b",
            re.IGNORECASE,
        ),
    }
)


def marked(texts: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Return where each mark stands, shape (n_texts,), and `none of these` where none does.

    Example:
        >>> {name: found.tolist() for name, found in marked(["not bad", "a table"]).items() if found.any()}
        {'negation': [True, False], 'none of these': [False, True]}
    """
    found = {name: np.array([bool(mark.search(text)) for text in texts], dtype=bool) for name, mark in MARKS.items()}
    plain = ~np.logical_or.reduce(list(found.values())) if texts else np.zeros(0, dtype=bool)
    return {**found, "none of these": plain}
