"""Variations of training rows: nothing in evaluation, and in training exactly what was asked for, row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from tasks.features.sound.spectra import MelSettings  # noqa: E402
from tasks.models.networks import augmentation_layers as augmenting  # noqa: E402
from tasks.models.networks.augmentation_examples import AS_IT_IS, variants  # noqa: E402
from tasks.models.networks.augmentation_layers import SoundAugmentation, SpecAugmentMasks, SpectrogramAugmentation  # noqa: E402
from tasks.models.training.augmentation import Augmentation  # noqa: E402

RATE_HZ, HOP = 16_000, 160
EVERYTHING = Augmentation(
    frequency_masks=2,
    frequency_width=8,
    time_masks=2,
    time_width=20,
    time_warp=10,
    shift=20,
    gain_db=6.0,
    noise_db=-10.0,
    speed=0.2,
    pitch_semitones=3.0,
)
ALONE_ON_SOUND: tuple[dict[str, Any], ...] = (
    {"speed": 0.2},
    {"pitch_semitones": 3.0},
    {"noise_db": -10.0},
    {"shift": 20},
    {"gain_db": 6.0},
)
ALONE_ON_SPECTROGRAMS: tuple[dict[str, Any], ...] = (
    {"speed": 0.2},
    {"time_warp": 20},
    {"noise_db": -10.0},
    {"shift": 20},
    {"gain_db": 6.0},
)
ALONE_AS_MASKS: tuple[dict[str, Any], ...] = ({"frequency_masks": 2}, {"time_masks": 2})


def on_sound(augment: Augmentation) -> nn.Module:
    return SoundAugmentation(augment, RATE_HZ, HOP)


ALL: list[tuple[Callable[[Augmentation], nn.Module], dict[str, Any], tuple[int, ...]]] = [
    *((on_sound, one, (12, 4_000)) for one in ALONE_ON_SOUND),
    *((SpectrogramAugmentation, one, (12, 60, 12)) for one in ALONE_ON_SPECTROGRAMS),
    *((SpecAugmentMasks, one, (12, 60, 12)) for one in ALONE_AS_MASKS),
]
each = pytest.mark.parametrize(
    ("module", "asked", "shape"), ALL, ids=[f"{make.__name__}-{next(iter(asked))}" for make, asked, _ in ALL]
)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(11)


def tone(frequency_hz: float, n_rows: int = 1, seconds: float = 2.0) -> Tensor:
    steps = torch.arange(int(seconds * RATE_HZ), dtype=torch.float64)
    return torch.sin(2 * math.pi * frequency_hz * steps / RATE_HZ).float().repeat(n_rows, 1)


def frequency_hz(sound: Tensor) -> float:
    """Return the highest peak of the spectrum."""
    spectrum = torch.fft.rfft(sound * torch.hann_window(len(sound)), 4 * len(sound)).abs()
    return float(spectrum.argmax()) * RATE_HZ / (4 * len(sound))


# of all of them


@each
def test_evaluation_changes_nothing(module: Any, asked: dict[str, Any], shape: tuple[int, ...]) -> None:
    rows = torch.randn(shape)
    assert module(Augmentation(**asked)).eval()(rows) is rows


@each
def test_training_varies_every_row_otherwise(module: Any, asked: dict[str, Any], shape: tuple[int, ...]) -> None:
    rows = torch.randn(shape[1:]).repeat(shape[0], *[1] * (len(shape) - 1))
    kept = rows.clone()
    varied = module(Augmentation(**asked))(rows)
    assert varied.shape == rows.shape
    assert varied.dtype == torch.float32
    assert torch.equal(rows, kept)
    # masks may happen to be the same, and shifts
    assert len(varied.unique(dim=0)) >= 6


@each
def test_the_seed_decides(module: Any, asked: dict[str, Any], shape: tuple[int, ...]) -> None:
    rows, vary = torch.randn(shape), module(Augmentation(**asked, probability=0.6))
    result = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        result.append(vary(rows))
    assert torch.equal(result[0], result[1])
    assert not torch.equal(result[0], result[2])


@each
def test_probability_is_the_share_of_rows(module: Any, asked: dict[str, Any], shape: tuple[int, ...]) -> None:
    rows = torch.randn(400, 30, *shape[2:])
    wide = asked | ({"frequency_width": 12} if "frequency_masks" in asked else {})
    vary = module(Augmentation(**wide, probability=0.3))
    share = float((vary(rows) != rows).flatten(1).any(1).float().mean())
    # two masks of no width, and a shift by nothing, are varied rows as well
    assert 0.2 < share < 0.4


@each
def test_silence_stays_finite(module: Any, asked: dict[str, Any], shape: tuple[int, ...]) -> None:
    vary = module(Augmentation(**asked))
    assert torch.isfinite(vary(torch.zeros(shape))).all()
    assert torch.isfinite(vary(torch.full(shape, -100.0))).all()


@each
@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_the_shortest_rows(module: Any, asked: dict[str, Any], shape: tuple[int, ...], n_steps: int) -> None:
    varied = module(Augmentation(**asked))(torch.randn(5, n_steps, *shape[2:]))
    assert varied.shape == (5, n_steps, *shape[2:])
    assert torch.isfinite(varied).all()


def test_nothing_asked_for_is_nothing_done() -> None:
    sound, frames = torch.randn(2, 800), torch.randn(2, 30, 12)
    assert on_sound(Augmentation())(sound) is sound
    assert SpectrogramAugmentation(Augmentation())(frames) is frames
    assert SpecAugmentMasks(Augmentation())(frames) is frames


def test_after_sound_only_the_time_warp_is_left() -> None:
    frames = torch.randn(3, 40, 12)
    without = SpectrogramAugmentation(Augmentation(speed=0.2, noise_db=-3, shift=5, gain_db=6), after_sound=True)
    assert without(frames) is frames
    assert not torch.equal(SpectrogramAugmentation(EVERYTHING, after_sound=True)(frames), frames)


def test_no_module_has_weights() -> None:
    for case in (on_sound(EVERYTHING), SpectrogramAugmentation(EVERYTHING), SpecAugmentMasks(EVERYTHING)):
        assert not case.state_dict()


# masks


def masked(augment: Augmentation, n_rows: int = 500, n_frames: int = 50, n_bands: int = 20) -> Tensor:
    frames = torch.rand(n_rows, n_frames, n_bands) + 1
    result = SpecAugmentMasks(augment)(frames)
    covered = result == 0
    assert torch.equal(result[~covered], frames[~covered])
    return covered


def test_a_frequency_mask_is_a_band_over_all_frames() -> None:
    covered = masked(Augmentation(frequency_masks=1, frequency_width=6))
    bands = covered.any(1)
    assert torch.equal(covered.all(1), bands)
    assert set(bands.sum(1).tolist()) == set(range(7))
    assert (bands.int().diff(dim=1).abs().sum(1) <= 2).all()


def test_a_time_mask_is_a_stretch_over_all_bands() -> None:
    covered = masked(Augmentation(time_masks=1, time_width=9))
    steps = covered.any(2)
    assert torch.equal(covered.all(2), steps)
    assert set(steps.sum(1).tolist()) == set(range(10))
    assert (steps.int().diff(dim=1).abs().sum(1) <= 2).all()


def test_widths_and_starts_are_uniform() -> None:
    steps = masked(Augmentation(time_masks=1, time_width=4), n_rows=6_000, n_frames=10).any(2)
    widths = steps.sum(1)
    shares = torch.bincount(widths, minlength=5) / len(widths)
    assert (shares - 1 / 5).abs().max() < 0.025
    starts = steps[widths == 3].int().argmax(1)
    shares = torch.bincount(starts, minlength=8) / len(starts)
    assert len(shares) == 8
    assert (shares - 1 / 8).abs().max() < 0.04


def test_several_masks_cover_no_more_than_their_widths_together() -> None:
    covered = masked(Augmentation(frequency_masks=3, frequency_width=4))
    counts = covered.any(1).sum(1)
    assert 8 < int(counts.max()) <= 12


def test_both_kinds_at_once() -> None:
    covered = masked(Augmentation(frequency_masks=1, frequency_width=5, time_masks=1, time_width=10))
    bands, steps = covered.all(1), covered.all(2)
    assert torch.equal(covered, bands[:, None] | steps[..., None])


def test_a_mask_of_no_width_masks_nothing() -> None:
    augment = Augmentation(frequency_masks=2, frequency_width=0, time_masks=2, time_width=0)
    assert not masked(augment).any()


def test_no_mask_is_wider_than_its_axis() -> None:
    steps = masked(Augmentation(time_masks=1, time_width=1_000), n_frames=5).any(2)
    assert set(steps.sum(1).tolist()) == set(range(6))


# levels


def test_noise_has_the_level_that_was_asked_for() -> None:
    sound = torch.randn(4, 16_000) * torch.tensor([1.0, 0.1, 0.01, 0.5])[:, None]
    levels = torch.tensor([-5.0, -10.0, -20.0, -40.0])
    noise = augmenting.noisy(sound, levels) - sound
    result = 10 * ((noise**2).mean(1) / (sound**2).mean(1)).log10()
    assert (result - levels).abs().max() < 0.5


def test_noise_is_relative_to_speech_and_spares_what_fills_a_row_up() -> None:
    sound = torch.cat([torch.randn(1, 8_000), torch.zeros(1, 8_000)], 1)
    noise = augmenting.noisy(sound, torch.tensor([-10.0])) - sound
    assert not noise[0, 8_000:].any()
    result = 10 * float(((noise[0, :8_000] ** 2).mean() / (sound[0, :8_000] ** 2).mean()).log10())
    assert abs(result + 10) < 0.5


def test_noise_levels_are_drawn_from_twenty_decibels_less() -> None:
    sound = torch.randn(1, 4_000).repeat(300, 1)
    noise = on_sound(Augmentation(noise_db=-15))(sound) - sound
    levels = 10 * ((noise**2).mean(1) / (sound**2).mean(1)).log10()
    assert -35.5 < float(levels.min()) < -33
    assert -17 < float(levels.max()) < -14.5
    assert abs(float(levels.mean()) + 25) < 1.5


def test_noise_adds_its_power_to_a_spectrogram() -> None:
    frames = 20 * torch.rand(3, 200, 40) - 60
    levels = torch.tensor([-3.0, -10.0, 0.0])
    power = 10 ** (frames.double() / 10)
    added = 10 ** (augmenting.noisy_frames(frames, levels).double() / 10) - power
    result = 10 * (added.mean((1, 2)) / power.mean((1, 2))).log10()
    assert (result - levels).abs().max() < 0.5
    assert (added > -1e-9).all()


def test_noise_in_a_spectrogram_spares_what_fills_it_up() -> None:
    frames = torch.cat([20 * torch.rand(2, 100, 40) - 60, torch.full((2, 100, 40), -80.0)], 1)
    noisy = augmenting.noisy_frames(frames, torch.tensor([-3.0, -3.0]))
    assert torch.equal(noisy[:, 100:], frames[:, 100:])
    assert (noisy[:, :100] > frames[:, :100]).float().mean() > 0.99


def test_noise_stands_values_that_are_no_levels() -> None:
    assert torch.isfinite(augmenting.noisy_frames(torch.randn(2, 30, 12) * 1_000, torch.zeros(2))).all()


def test_gain_is_one_factor_a_row() -> None:
    sound = torch.randn(200, 50)
    factors = on_sound(Augmentation(gain_db=6))(sound) / sound
    assert torch.allclose(factors, factors[:, :1].expand_as(factors), rtol=1e-5)
    decibels = 20 * factors[:, 0].log10()
    assert -6.0001 < float(decibels.min()) < -5
    assert 5 < float(decibels.max()) < 6.0001


def test_gain_of_a_spectrogram_is_one_offset_a_row() -> None:
    frames = torch.randn(200, 10, 5)
    offsets = SpectrogramAugmentation(Augmentation(gain_db=6))(frames) - frames
    assert torch.allclose(offsets, offsets[:, :1, :1].expand_as(offsets), atol=1e-5)
    assert -6.0001 < float(offsets.min()) < -5
    assert 5 < float(offsets.max()) < 6.0001


# time and pitch


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.0, 1.1, 1.25])
def test_speed_moves_a_tone(factor: float) -> None:
    result = augmenting.faster(tone(440), torch.tensor([factor], dtype=torch.float64))[0, :25_000]
    assert frequency_hz(result) == pytest.approx(440 * factor, rel=2e-3)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_is_exact_between_samples(factor: float) -> None:
    result = augmenting.faster(tone(2_000), torch.tensor([factor], dtype=torch.float64))[0, 2_000:20_000]
    assert (result - tone(2_000 * factor)[0, 2_000:20_000]).abs().max() < 0.01


def test_speed_folds_nothing_down() -> None:
    result = augmenting.faster(tone(7_500), torch.tensor([1.2], dtype=torch.float64))[0, 2_000:20_000]
    assert float(result.abs().max()) < 0.01


def test_speed_moves_moments_and_leaves_silence_after_the_end() -> None:
    sound = torch.zeros(2, 1_000)
    sound[:, 600] = 1
    factors = torch.tensor([1.2, 0.5], dtype=torch.float64)
    result = augmenting.faster(sound, factors)
    assert int(result[0].argmax()) == 500
    assert not result[0, 502:].any()
    assert float(result[1].abs().max()) < 0.01


@pytest.mark.parametrize("semitones", [-4.0, -1.0, 0.0, 0.5, 2.0, 4.0])
def test_pitch_moves_a_tone_and_keeps_its_length(semitones: float) -> None:
    sound, factor = tone(300), 2 ** (semitones / 12)
    result = augmenting.pitched(sound, torch.tensor([factor], dtype=torch.float64), 1024, 2 ** (4 / 12))
    assert result.shape == sound.shape
    assert frequency_hz(result[0, 2_000:30_000]) == pytest.approx(300 * factor, rel=0.01)
    # as loud as before up to its end, within 2 dB
    for part in (result[0, 2_000:10_000], result[0, 20_000:31_000]):
        assert abs(20 * math.log10(float(part.std()) / math.sqrt(0.5))) < 2


def test_pitch_keeps_moments_where_they_are() -> None:
    sound = torch.randn(1, RATE_HZ) * 0.01
    sound[:, 8_000:12_000] *= 30
    result = augmenting.pitched(sound, torch.tensor([2 ** (3 / 12)], dtype=torch.float64), 1024, 2 ** (3 / 12))
    levels = result.view(16, 1_000).std(1)
    assert set((levels > 0.05).nonzero()[:, 0].tolist()) >= {8, 9, 10, 11}
    assert (levels[[*range(7), 13, 14, 15]] < 0.05).all()


def test_pitch_leaves_what_fills_a_row_up_silent() -> None:
    sound = tone(300)
    sound[:, 20_000:] = 0
    assert not on_sound(Augmentation(pitch_semitones=4))(sound)[:, 20_000:].any()


def test_a_shift_moves_sound_by_whole_frames_and_loses_what_leaves() -> None:
    sound = torch.randn(1, 2_000).repeat(300, 1)
    result = on_sound(Augmentation(shift=2))(sound)
    expected = {by: torch.zeros(2_000) for by in range(-2, 3)}
    for by, value in expected.items():
        moved = by * HOP
        value[max(0, moved) : 2_000 + min(0, moved)] = sound[0, max(0, -moved) : 2_000 - max(0, moved)]
    seen = {next(by for by, value in expected.items() if torch.equal(value, row)) for row in result}
    assert seen == set(expected)


def test_a_shift_of_a_spectrogram_fills_up_with_the_quietest() -> None:
    frames = torch.randn(2, 10, 4)
    result = augmenting.later_frames(frames, torch.tensor([3, -2]))
    quietest = frames.amin(1, keepdim=True)
    assert torch.equal(result[0, 3:], frames[0, :7])
    assert torch.equal(result[0, :3], quietest[0].expand(3, -1))
    assert torch.equal(result[1, :8], frames[1, 2:])
    assert torch.equal(result[1, 8:], quietest[1].expand(2, -1))


def test_speed_of_a_spectrogram_resamples_its_frames() -> None:
    frames = torch.arange(21.0)[None, :, None].expand(2, -1, 3)
    result = augmenting.faster_frames(frames, torch.tensor([2.0, 0.5]))
    assert torch.equal(result[0, :11, 0], torch.arange(0, 22.0, 2))
    assert not result[0, 11:].any()
    assert torch.equal(result[1, :, 0], torch.arange(21.0) / 2)


def test_a_warp_keeps_the_ends_and_moves_its_point() -> None:
    frames = torch.arange(41.0)[None, :, None].expand(3, -1, 2)
    result = augmenting.warped(frames, torch.tensor([20.0, 20.0, 10.0]), torch.tensor([5, -5, 0]))[..., 0]
    assert result[:, 0].tolist() == [0, 0, 0]
    assert result[:, -1].tolist() == [40, 40, 40]
    assert float(result[0, 25]) == pytest.approx(20)
    assert float(result[1, 15]) == pytest.approx(20)
    assert torch.allclose(result[2], frames[2, :, 0])
    assert (result.diff(dim=1) > 0).all()


@pytest.mark.parametrize("widest", [3, 20, 1_000])
def test_a_warp_is_at_most_as_wide_as_asked_and_never_folds_time(widest: int) -> None:
    frames = torch.arange(41.0)[None, :, None].expand(500, -1, 1)
    result = SpectrogramAugmentation(Augmentation(time_warp=widest))(frames)[..., 0]
    assert torch.equal(result[:, [0, -1]], frames[:, [0, -1], 0])
    assert (result.diff(dim=1) >= 0).all()
    moved = float((result - frames[..., 0]).abs().max())
    assert 0.5 * min(widest, 20) < moved <= min(widest, 39) + 1e-3


# the figure's clips


def test_variants_show_each_alone_by_name() -> None:
    sound = torch.randn(8_000, 1).numpy() * 0.1
    mel = MelSettings(n_mels=24)
    examples = variants(sound, EVERYTHING, mel, seed=1)
    assert list(examples) == [
        AS_IT_IS,
        "frequency masks",
        "time masks",
        "time warp",
        "shift",
        "gain",
        "noise",
        "speed",
        "pitch",
    ]
    for name, value in examples.items():
        assert value.shape == (51, 24)
        # levels are relative to the loudest: nothing is left of a gain
        assert np.allclose(value, examples[AS_IT_IS], atol=1e-3) == (name in (AS_IT_IS, "gain"))


def test_variants_of_a_spectrogram_leave_it_and_the_random_state_alone() -> None:
    frames = torch.randn(30, 12).numpy()
    kept, state = frames.copy(), torch.random.get_rng_state()
    augment = Augmentation(frequency_masks=1, noise_db=-10, probability=0.01)
    result, again = (variants(frames, augment, None, seed=2) for _ in range(2))
    assert list(result) == [AS_IT_IS, "frequency masks", "noise"]
    assert np.allclose(result[AS_IT_IS], frames, atol=1e-5)
    assert not np.allclose(result["noise"], frames, atol=1e-5)
    assert all(np.array_equal(result[name], again[name]) for name in result)
    assert np.array_equal(frames, kept)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_variants_refuse_what_they_cannot_show() -> None:
    sound, frames = np.zeros((800, 1), np.float32), np.zeros((30, 12), np.float32)
    with pytest.raises(ValueError, match=r"raw sound, one or more, found \(30, 12\)"):
        variants(frames, Augmentation(), MelSettings(), seed=1)
    with pytest.raises(ValueError, match=r"found \(0, 1\)"):
        variants(sound[:0], Augmentation(), MelSettings(), seed=1)
    with pytest.raises(ValueError, match="pitch_semitones needs raw sound"):
        variants(frames, Augmentation(pitch_semitones=1), None, seed=1)
