"""The search for near-duplicate sound among many fingerprints."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.leaks import sound


def test_copies_are_found_whatever_the_number_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    clips = [rng.integers(1, 2**32, rng.integers(40, 90), dtype=np.uint32) for _ in range(60)]
    # a copy that begins 7 frames later, with one wrong bit in every fourth word
    copies = [clip[7:].copy() for clip in clips[:20]]
    for copy in copies:
        copy[::4] ^= np.uint32(1 << 5)
    prints = [*clips, *copies, np.empty(0, dtype=np.uint32)]
    whole = sound.near_duplicates(prints)
    assert [(a, b) for a, b, _ in whole] == [(number, 60 + number) for number in range(20)]
    for (_, b, rate), copy in zip(whole, copies, strict=True):
        assert rate == pytest.approx(np.ceil(copy.size / 4) / (32 * copy.size)), b
    for limit in (7, 100, 1_000):
        monkeypatch.setattr(sound, "_WORDS_OF_A_PART", limit)
        monkeypatch.setattr(sound, "_CHUNK", limit)
        assert sound.near_duplicates(prints) == whole


def test_a_word_that_many_clips_share_makes_no_candidates() -> None:
    rng = np.random.default_rng(4)
    clips = [rng.integers(1, 2**31, 40, dtype=np.uint32) for _ in range(200)]
    for clip in clips:
        clip[10] = 2**32 - 5
    clips.append(clips[3].copy())
    near = [(a, b) for a, b, _ in sound.near_duplicates(clips)]
    assert near == [(3, 200)]
