"""Settings of augmentation: what cannot be meant is refused, and nothing is asked for as they stand."""

from __future__ import annotations

import math

import pytest

from tasks.models.training.augmentation import Augmentation


def test_nothing_is_asked_for_as_it_stands() -> None:
    augment = Augmentation()
    amounts = ("frequency_masks", "time_masks", "time_warp", "shift", "gain_db", "noise_db", "speed", "pitch_semitones")
    assert not any(getattr(augment, name) for name in amounts)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("frequency_masks", -1),
        ("frequency_width", -1),
        ("time_masks", -2),
        ("time_width", -1),
        ("time_warp", -5),
        ("shift", -1),
        ("gain_db", -3.0),
        ("gain_db", math.nan),
        ("gain_db", math.inf),
        ("noise_db", 1.0),
        ("noise_db", -math.inf),
        ("noise_db", math.nan),
        ("speed", 1.0),
        ("speed", -0.1),
        ("pitch_semitones", -2.0),
        ("pitch_semitones", 12.5),
        ("pitch_semitones", math.nan),
        ("probability", 0.0),
        ("probability", 1.1),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{setting} .*found {value}"):
        Augmentation(**{setting: value})  # type: ignore[arg-type]


def test_widths_of_nothing_are_allowed() -> None:
    assert Augmentation(frequency_masks=1, frequency_width=0, time_masks=1, time_width=0).frequency_width == 0


def test_only_pitch_needs_raw_sound() -> None:
    spectrograms_too = Augmentation(frequency_masks=1, time_masks=1, time_warp=5, shift=5, gain_db=6, speed=0.1)
    assert spectrograms_too.of_sound == ()
    assert Augmentation(pitch_semitones=2).of_sound == ("pitch_semitones",)
