"""A recogniser without a model: whatever is loud is speech, and each stretch of it is the same words or a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.captions.recognition import Passage, RecognisedWord
from tasks.core.sound_files import RATE_HZ

LOUD = 0.1
WORD_S = 0.5
TEXT = "I was very happy about the wonderful concert we gave in the old town hall."


@dataclass
class FakeRecogniser:
    """Hears TEXT, a word each half second, in sound louder than LOUD; attempts that `loops` names repeat one word."""

    language: str = "en"
    loops: Sequence[int] = ()
    log_probability: float = -0.3
    no_speech: float = 0.0
    calls: list[tuple[int, float]] = field(default_factory=list)

    def speech(self, samples: Any) -> list[tuple[int, int]]:
        loud = np.abs(samples[: samples.size // 1600 * 1600]).reshape(-1, 1600).max(axis=1) > LOUD
        edges = np.flatnonzero(np.diff(np.r_[False, loud, False])) * 1600
        return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))

    def languages(self, samples: Any) -> dict[str, float]:
        return {self.language: 0.75, "xx": 0.25}

    def passages(self, samples: Any, language: str, attempt: int) -> list[Passage]:
        self.calls.append((attempt, round(samples.size / RATE_HZ, 3)))
        count = max(int(samples.size / RATE_HZ / WORD_S), 1)
        texts = ["so"] * count if attempt in self.loops else [TEXT.split()[k % 15] for k in range(count)]
        words = (RecognisedWord(text, k * WORD_S, (k + 1) * WORD_S, 0.9) for k, text in enumerate(texts))
        return [Passage(tuple(words), self.log_probability, 1.2, self.no_speech)]
