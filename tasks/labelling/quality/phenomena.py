"""Marks of linguistic phenomena that are difficult for lexicons, found in texts by regular expressions.

VADER and TextBlob have rules for negation and degree (Hutto & Gilbert 2014, section 3), and none for hedges, "sorry",
questions and sarcasm. A mark is only an indication: irony without a mark is missed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

_MARKS: Mapping[str, re.Pattern[str]] = MappingProxyType(
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
    """Return which texts have each mark, and under `none of these` which have none; shapes (n_texts,).

    Args:
        texts: shape (n_texts,)

    Example:
        >>> {name: flags.tolist() for name, flags in marked(["not bad", "a table"]).items() if flags.any()}
        {'negation': [True, False], 'none of these': [False, True]}
    """
    flags = {name: np.array([bool(mark.search(text)) for text in texts], dtype=bool) for name, mark in _MARKS.items()}
    plain = ~np.logical_or.reduce(list(flags.values())) if texts else np.zeros(0, dtype=bool)
    return {**flags, "none of these": plain}
