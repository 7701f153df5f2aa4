"""Fixtures: encoders with random weights, and test signals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tasks.features.base.extractor import Sound

TEXTS = ("how you doin", "we were on a break", "oh my god", "could I be wearing any more clothes")


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a text encoder with random weights."""
    pytest.importorskip("transformers")
    from tasks.features.base.tiny_checkpoints import tiny_text_encoder

    return str(tiny_text_encoder(tmp_path_factory.mktemp("tiny_bert"), texts=TEXTS))


@pytest.fixture(scope="session")
def tiny_ast(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of an audio encoder with random weights."""
    pytest.importorskip("transformers")
    from tasks.features.base.tiny_checkpoints import tiny_audio_encoder

    return str(tiny_audio_encoder(tmp_path_factory.mktemp("tiny_ast")))


@pytest.fixture(scope="session")
def sound() -> Callable[..., Sound]:
    """Return a function that makes a buzz with some noise, quantised to 16 bits."""

    def make(duration_s: float = 1.5, pitch_hz: float = 140.0, rate_hz: int = 16_000) -> Sound:
        rng = np.random.default_rng(11)
        time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
        buzz = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 9))
        swell = 1 + 0.5 * np.sin(2 * np.pi * 3 * time_s)
        samples = np.round(3000 * buzz * swell + 100 * rng.standard_normal(time_s.size))
        return Sound((samples / 32_768).astype(np.float32), rate_hz)

    return make
