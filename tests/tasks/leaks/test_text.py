"""Near-duplicate texts: the same pairs as a comparison of all pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tasks.leaks import text


def test_exactly_the_near_duplicate_pairs_are_returned() -> None:
    rng = np.random.default_rng(1)
    words = [f"{a}{b}{c}" for a in ("ka", "lo", "mi", "ru") for b in ("nd", "rr", "sp", "vi") for c in "aeiou"]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(150)]
    for item in range(0, 60, 2):
        changed = texts[item].split()
        changed[int(rng.integers(12))] = str(rng.choice(words))
        texts[item + 1] = " ".join(changed)
    shingles = [set(text._shingles(item).tolist()) for item in texts]
    near = {
        (a, b)
        for a, b in combinations(range(len(texts)), 2)
        if len(shingles[a] & shingles[b]) >= text.MIN_RESEMBLANCE * len(shingles[a] | shingles[b])
    }
    assert len(near) >= 10
    assert {(a, b) for a, b in text.similar(texts).tolist()} == near


def test_short_texts_are_not_compared() -> None:
    assert text.similar(["oh no", "oh no no", "I do not know", "I do not know it"]).tolist() == []
    assert text.similar([]).shape == (0, 2)


def test_bare_text() -> None:
    assert text.bare(" I don’t  know! ") == "i dont  know"
    assert text.bare("…") == ""


def test_normal_text() -> None:
    assert text.normal("  Oh, my GOD — he’s lost it!  ") == "oh my god he's lost it"
    assert text.normal("…") == ""
