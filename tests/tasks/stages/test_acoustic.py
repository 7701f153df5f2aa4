"""Stage acoustic: one row per segment, in order; a segment without features is a reject."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import soundfile

from tasks.core import each, paths, tables
from tasks.core.config import Config
from tasks.stages import acoustic, segments


def run(settings: Config) -> None:
    driver = each.local(settings.runtime.model_copy(update={"workers": 1}))
    segments.run(settings, each=driver)
    acoustic.run(settings, each=driver)


def test_rows_follow_the_segments_and_are_finite(captioned: Callable[..., None], settings: Config) -> None:
    captioned(2, 1, per_video=3)
    run(settings)
    features = tables.read(paths.FEATURES, acoustic.SCHEMA)
    assert features.num_rows == 9
    assert features["utterance_id"].to_pylist() == sorted(features["utterance_id"].to_pylist())
    values = np.column_stack([features[name].to_numpy() for name in acoustic.NAMES])
    assert values.shape == (9, 136)
    assert np.isfinite(values).all()
    assert np.unique(values, axis=0).shape[0] == 9


def test_silence_is_a_reject_and_other_segments_are_used(captioned: Callable[..., None], settings: Config) -> None:
    captioned(1, 1, per_video=3)
    signal, rate_hz = soundfile.read(paths.MEDIA / "train-0.flac", dtype="int16")
    signal[: round(2.5 * rate_hz)] = 0
    soundfile.write(paths.MEDIA / "train-0.flac", signal, rate_hz, subtype="PCM_16")
    run(settings)
    (lost,) = tables.read(paths.rejected("acoustic"), tables.REJECTED).to_pylist()
    assert (lost["item"], lost["reason"], lost["detail"]) == ("weak/train-0/0000", "no features", "digital silence")
    assert tables.read(paths.FEATURES, acoustic.SCHEMA).num_rows == 5
