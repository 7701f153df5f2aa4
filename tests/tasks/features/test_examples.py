"""The examples in the docstrings of the feature functions."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "base.settings",
        "mid_term.mid_term",
        "mid_term.short_term",
        "sound.framing",
        "sound.functionals",
        "sound.log_spectrogram",
        "sound.low_level",
        "sound.pitch",
        "sound.prosody",
        "sound.silence",
        "sound.spectra",
        "text.cleaning",
        "text.transcript",
        "video.contact_sheet",
    ],
)
def test_examples(name: str) -> None:
    results = doctest.testmod(import_module(f"tasks.features.{name}"))
    assert results.attempted
    assert results.failed == 0
