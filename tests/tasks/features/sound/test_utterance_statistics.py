"""The extractors of statistics return the values of the underlying functions as float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import AudioError, ConfigError
from tasks.features.base import registry
from tasks.features.base.extractor import Sound
from tasks.features.base.settings import settings_of
from tasks.features.mid_term import mid_term
from tasks.features.sound import functionals, utterance_statistics


def test_functionals_equal_the_function(sound: Callable[..., Sound]) -> None:
    extractor = registry.extractor("functionals")
    sounds = [sound(0.8), sound(1.2, pitch_hz=220.0)]
    vectors = extractor.start(extractor.settings())(sounds)
    for clip, vector in zip(sounds, vectors, strict=True):
        assert vector.dtype == np.float32
        np.testing.assert_array_equal(vector, functionals.functionals(clip.samples, clip.rate_hz).astype(np.float32))


def test_mid_term_equals_the_weak_path(sound: Callable[..., Sound]) -> None:
    extractor = registry.extractor("mid-term")
    (vector,) = extractor.start(extractor.settings())([sound(2.3)])
    samples = np.round(sound(2.3).samples * np.float64(32_768)).astype(np.int16)
    expected = mid_term.mid_term(samples, 16_000, mid_term.AnalysisWindows())
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(vector, expected.astype(np.float32))


def test_a_batch_of_several_rates_equals_its_utterances(sound: Callable[..., Sound]) -> None:
    start = registry.extractor("mid-term").start(mid_term.AnalysisWindows())
    sounds = [sound(1.1), replace(sound(1.4), rate_hz=22_050), replace(sound(0.9), rate_hz=22_050), sound(2.0)]
    for vector, clip in zip(start(sounds), sounds, strict=True):
        np.testing.assert_allclose(vector, start([clip])[0], rtol=1e-6)
    with pytest.raises(AudioError, match="digital silence"):
        start([*sounds, replace(sound(1.0), samples=np.zeros(16_000, dtype=np.float32))])


def test_windows_can_be_set(sound: Callable[..., Sound]) -> None:
    extractor = registry.extractor("mid-term")
    usual, finer = (
        extractor.start(extractor.settings(**windows))([sound(2.3)])[0]
        for windows in ({}, {"short_window_s": 0.04, "short_step_s": 0.02})
    )
    assert not np.allclose(usual, finer)


@pytest.mark.parametrize(("name", "module"), [("functionals", functionals), ("mid-term", mid_term)])
def test_names(name: str, module: Any, sound: Callable[..., Sound]) -> None:
    extractor = registry.extractor(name)
    assert extractor.names is not None
    names = extractor.names(extractor.settings())
    assert names == module.NAMES
    assert extractor.start(extractor.settings())([sound()])[0].shape == (len(names),)


def test_16_bit_samples_are_recovered_exactly() -> None:
    every = np.arange(-32_768, 32_768, dtype=np.int16)
    scaled = every.astype(np.float32) / np.float32(32_768)
    np.testing.assert_array_equal(utterance_statistics._sixteen_bit(scaled), every)


def test_louder_than_full_scale_is_clipped() -> None:
    loud = np.array([-2.0, 1.0, 7.0], dtype=np.float32)
    assert utterance_statistics._sixteen_bit(loud).tolist() == [-32_768, 32_767, 32_767]


@pytest.mark.parametrize("name", ["functionals", "mid-term"])
@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(16_000), np.full(16_000, np.inf)])
def test_sound_that_cannot_be_used(name: str, samples: np.ndarray, sound: Callable[..., Sound]) -> None:
    extractor = registry.extractor(name)
    with pytest.raises(AudioError):
        extractor.start(extractor.settings())([replace(sound(), samples=samples.astype(np.float32))])


@pytest.mark.parametrize("wrong", [{"short_step_s": 0.0}, {"mid_window_s": 0.01}, {"window_s": 1.0}])
def test_impossible_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        settings_of(registry.extractor("mid-term").settings, wrong, "features.demo")
