"""Extractors of spectra and samples: trimming, duration and shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import AudioError, ConfigError
from tasks.features.base.extractor import Extractor, Sound
from tasks.features.base.settings import settings_of
from tasks.features.sound import network_inputs, spectra
from tasks.features.sound.spectra import MelSettings

EXTRACTORS = {extractor.name: extractor for extractor in network_inputs.EXTRACTORS}
CEPSTRAL = ("mfcc", "mfcc-over-time", "mfcc-over-frequency")
SOURCE = {"rate_hz": 8_000, "hop": 100}
"""The analysis of ser-bench."""


def started(name: str, **settings: Any) -> Callable[[list[Sound]], list[np.ndarray]]:
    return EXTRACTORS[name].start(settings_of(EXTRACTORS[name].settings, settings, "features.demo"))


def of(sound: Sound, name: str, **settings: Any) -> np.ndarray:
    (values,) = started(name, **settings)([sound])
    assert values.dtype == np.float32 and np.isfinite(values).all()
    return values


def in_silence(sound: Sound, before_s: float = 0.0, after_s: float = 0.0) -> Sound:
    ends = (round(before_s * sound.rate_hz), round(after_s * sound.rate_hz))
    return Sound(np.pad(sound.samples, ends), sound.rate_hz)


@pytest.mark.parametrize(
    ("name", "settings", "shape"),
    [
        ("log-mel", {}, (151, 128)),
        ("log-mel", {"deltas": 2, "n_mels": 40}, (151, 120)),
        ("log-mel", SOURCE, (121, 128)),
        ("log-mel", {"duration_s": 3.0}, (301, 128)),
        ("log-mel", {"duration_s": 0.5}, (51, 128)),
        ("mfcc", {}, (151, 40)),
        ("mfcc", {"n_mfcc": 13, "deltas": 1}, (151, 26)),
        ("mfcc-over-time", {"n_mfcc": 20}, (20,)),
        ("mfcc-over-frequency", {}, (301,)),
        ("mfcc-over-frequency", {"duration_s": 0.5, **SOURCE}, (41,)),
        ("waveform", {}, (24_000, 1)),
        ("waveform", {"rate_hz": 8_000}, (12_000, 1)),
        ("waveform", {"rate_hz": 22_050, "duration_s": 2.0}, (44_100, 1)),
        ("waveform", {"duration_s": 1.0}, (16_000, 1)),
    ],
)
def test_shapes(name: str, settings: dict[str, Any], shape: tuple[int, ...], sound: Callable[..., Sound]) -> None:
    assert of(sound(1.5), name, **settings).shape == shape


@pytest.mark.parametrize("name", EXTRACTORS)
def test_shapes_and_names_match_the_extractor(name: str, sound: Callable[..., Sound]) -> None:
    extractor: Extractor = EXTRACTORS[name]
    settings = extractor.settings()
    values = of(sound(), name)
    assert extractor.reads == "sound" and values.ndim == {"vector": 1, "sequence": 2}[extractor.gives]
    assert settings.step_s == (1 / 16_000 if name == "waveform" else 0.01)
    assert extractor.settings(rate_hz=8_000).step_s == 2 * settings.step_s
    if extractor.names:
        assert len(set(extractor.names(settings))) == values.size


def test_spectra_are_those_of_the_trimmed_sound(sound: Callable[..., Sound]) -> None:
    speech = sound(1.0)
    samples = speech.samples - speech.samples.mean()
    expected = spectra.relative_to_loudest(spectra.log_mel(samples, MelSettings()))
    values = of(speech, "log-mel")
    np.testing.assert_allclose(values, expected, atol=1e-3)
    assert values.max() == 0.0 and values.min() >= -80.0
    np.testing.assert_allclose(of(speech, "log-mel", deltas=1)[:, 128:], spectra.deltas(expected), atol=1e-3)
    np.testing.assert_allclose(of(speech, "mfcc"), spectra.mfcc(expected, 40), atol=1e-2)


def test_means_are_of_the_cepstra(sound: Callable[..., Sound]) -> None:
    frames = of(sound(), "mfcc", duration_s=2.0)
    np.testing.assert_allclose(of(sound(), "mfcc-over-time", duration_s=2.0), frames.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(of(sound(), "mfcc-over-frequency", duration_s=2.0), frames.mean(axis=1), atol=1e-4)


def test_gain_does_not_change_spectra(sound: Callable[..., Sound]) -> None:
    plain = sound()
    softer = Sound(plain.samples * np.float32(0.1), plain.rate_hz)
    np.testing.assert_allclose(of(softer, "log-mel"), of(plain, "log-mel"), atol=0.01)


@pytest.mark.parametrize("name", ["log-mel", "waveform"])
def test_silence_is_cut_unless_it_is_kept(name: str, sound: Callable[..., Sound]) -> None:
    settings = EXTRACTORS[name].settings()
    framed = in_silence(sound(1.0), 0.7, 0.5)
    kept, cut = (of(framed, name, trim_db=trim_db).shape[0] * settings.step_s for trim_db in (0.0, 30.0))
    assert kept == pytest.approx(2.2, abs=0.011)
    # a trimming frame is 128 ms, its hop 32
    assert 1.0 <= cut <= 1.0 + 0.128 + 0.032


def test_padding_is_silence_and_comes_last(sound: Callable[..., Sound]) -> None:
    whole, lasting = of(sound(1.0), "log-mel"), of(sound(1.0), "log-mel", duration_s=2.0)
    np.testing.assert_allclose(lasting[:95], whole[:95], atol=1e-3)
    np.testing.assert_array_equal(lasting[105:], -80.0)


def test_longer_sound_is_cut_at_its_end(sound: Callable[..., Sound]) -> None:
    whole, lasting = of(sound(1.0), "log-mel"), of(sound(1.0), "log-mel", duration_s=0.6)
    # both are relative to a loudest frame, not the same one
    np.testing.assert_allclose(np.diff(lasting[:50], axis=0), np.diff(whole[:50], axis=0), atol=0.5)


def test_samples_are_normalised_before_padding(sound: Callable[..., Sound]) -> None:
    values = of(sound(1.0), "waveform", duration_s=1.5)[:, 0]
    assert values[:16_000].mean() == pytest.approx(0, abs=1e-4) and values[:16_000].std() == pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(values[16_000:], 0.0)


def test_normalisation_equals_wav2vec2s() -> None:
    now = np.arange(16_000) / 16_000
    faint = (0.002 * np.sin(2 * np.pi * 3 * now) * np.exp(-now) + 0.01).astype(np.float32)
    # transformers 5.23.0: Wav2Vec2FeatureExtractor(do_normalize=True)(faint, sampling_rate=16_000)["input_values"][0]
    expected = [-0.068340, 1.206920, -1.659914, 0.924834, -0.068340, -0.841824, 0.896999, -0.670730]
    np.testing.assert_allclose(of(Sound(faint, 16_000), "waveform", trim_db=0)[::2000, 0], expected, atol=1e-4)


def test_normalisation_can_be_disabled(sound: Callable[..., Sound]) -> None:
    given = sound(1.0)
    values = of(given, "waveform", normalise=False)[:, 0]
    np.testing.assert_allclose(values, given.samples - given.samples.mean(), atol=1e-6)


def chord(rate_hz: int) -> Sound:
    now = np.arange(1.2 * rate_hz) / rate_hz
    return Sound(sum(0.1 * np.sin(2 * np.pi * hz * now) for hz in (180.0, 400.0, 900.0)).astype(np.float32), rate_hz)


def test_other_rates_are_resampled(sound: Callable[..., Sound]) -> None:
    low, usual = (of(chord(rate_hz), "log-mel") for rate_hz in (48_000, 16_000))
    np.testing.assert_allclose(low[10:110, :45], usual[10:110, :45], atol=0.1)
    slow, fast = (of(sound(1.0), "waveform", rate_hz=rate, normalise=False)[:, 0] for rate in (8_000, 16_000))
    np.testing.assert_allclose(slow[100:-100], fast[::2][100:-100], atol=0.02)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_results_do_not_depend_on_the_batch(name: str, sound: Callable[..., Sound]) -> None:
    sounds = [sound(0.1), sound(1.0, pitch_hz=230.0), in_silence(sound(0.7), 0.5)]
    for together, clip in zip(started(name)(sounds), sounds, strict=True):
        np.testing.assert_array_equal(together, of(clip, name))


@pytest.mark.parametrize("name", EXTRACTORS)
@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), "at least 0.1 s"),
        (np.sin(np.arange(800)), "at least 0.1 s"),
        (np.zeros(16_000), "digital silence"),
        (np.append(np.sin(np.arange(16_000)), np.nan), "not finite"),
        (np.append(np.sin(np.arange(16_000)), -np.inf), "not finite"),
        (np.zeros((16_000, 2)), "one channel"),
    ],
)
def test_sound_that_cannot_be_used(name: str, samples: np.ndarray, message: str, sound: Callable[..., Sound]) -> None:
    with pytest.raises(AudioError, match=message):
        started(name)([sound(), Sound(samples.astype(np.float32), 16_000)])


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_silent_beginning_is_rejected(name: str, sound: Callable[..., Sound]) -> None:
    late = in_silence(sound(0.5), before_s=2.0)
    with pytest.raises(AudioError, match="digital silence"):
        started(name, trim_db=0.0, duration_s=1.0)([late])
    assert np.ptp(of(late, name, duration_s=1.0)) > 1


@pytest.mark.parametrize("rate_hz", [11_025, 16_000, 44_100])
def test_the_shortest_duration_works_at_any_rate(rate_hz: int, sound: Callable[..., Sound]) -> None:
    values = of(sound(1.0, rate_hz=rate_hz), "waveform", trim_db=0.0, duration_s=0.1)
    assert values.shape == (1600, 1) and np.abs(values[-10:]).max() > 0


def test_a_click_is_kept_with_what_is_around_it() -> None:
    samples = np.zeros(8_000, dtype=np.float32)
    samples[4_000] = 0.9
    assert of(Sound(samples, 16_000), "waveform", rate_hz=48_000).shape == (24_000, 1)


@pytest.mark.slow
def test_half_an_hour() -> None:
    noise = np.random.default_rng(0).standard_normal(1800 * 16_000, dtype=np.float32)
    assert of(Sound(noise, 16_000), "mfcc", hop=1600, n_mfcc=13).shape == (18_001, 13)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        *((name, {"rate_hz": 0}, "rate_hz") for name in EXTRACTORS),
        *((name, {"trim_db": -1.0}, "trim_db") for name in EXTRACTORS),
        *((name, {"duration_s": 0.05}, "duration_s") for name in EXTRACTORS),
        *((name, {"duration_s": float("inf")}, "duration_s") for name in EXTRACTORS),
        *((name, {"n_mfcc": 0}, "n_mfcc") for name in CEPSTRAL),
        *((name, {"n_mfcc": 41, "n_mels": 40}, "n_mfcc") for name in CEPSTRAL),
        ("mfcc-over-frequency", {"duration_s": 0.0}, "same duration"),
        ("mfcc-over-time", {"deltas": 1}, "deltas"),
        ("log-mel", {"deltas": 3}, "deltas"),
        ("mfcc", {"deltas": -1}, "deltas"),
        ("log-mel", {"n_fft": 333}, "n_fft"),
    ],
)
def test_impossible_settings(name: str, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings_of(EXTRACTORS[name].settings, wrong, "features.demo")
