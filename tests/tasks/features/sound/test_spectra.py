"""Mel spectra equal librosa's, with NumPy and PyTorch, for batches and long signals."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.features.sound import spectra
from tasks.features.sound.spectra import MelSettings, deltas, log_mel, mfcc, relative_to_loudest

SETTINGS = (MelSettings(), MelSettings(rate_hz=8_000, hop=100))


def glide(rate_hz: int, duration_s: float = 0.4) -> np.ndarray:
    """A tone that rises and fades, plus a constant high tone."""
    now = np.arange(round(duration_s * rate_hz)) / rate_hz
    rising = 0.3 * np.sin(2 * np.pi * (200 * now + 1500 * now**2)) * np.exp(-4 * now)
    return rising + 0.01 * np.sin(2 * np.pi * 2900 * now)


# librosa 0.11.0 with y = glide(sr), float64:
#   S = librosa.feature.melspectrogram(y=y, sr=sr, n_fft=1024, win_length=512, window="hamming", hop_length=hop,
#                                      n_mels=128, fmax=sr / 2)
#   power_to_db(S, ref=1.0, amin=1e-10, top_db=None)[::16, [0, 9, 20, -1]].T
LEVELS = {
    16_000: [
        [-0.7536, -9.7381, -22.9752, -31.5645, -38.3143, -47.9532, -42.5595, -49.3048],
        [-30.3370, -3.6179, -34.5361, -43.4780, -50.0364, -54.5762, -59.2289, -63.1577],
        [-40.3506, -37.3105, 8.5764, -37.8511, -45.9077, -52.1922, -52.7445, -56.2062],
        [-30.8851, -30.1001, -27.6569, -20.4610, -25.2170, -46.1785, -40.6618, -47.7421],
    ],
    8_000: [
        [-3.2041, -4.5797, -21.1132, -27.9986, -33.7606, -39.1123, -45.5049, -24.2049],
        [-44.0159, -32.3795, 4.7822, -34.7417, -39.6812, -43.0640, -45.4639, -29.5463],
        [-48.2841, -46.4851, -40.7087, 2.0970, -38.0935, -46.5602, -50.8084, -29.5716],
        [-34.8393, -34.1365, -32.8596, -29.7950, -22.2666, -24.7985, -37.5552, -23.8099],
    ],
}
#   relative = power_to_db(S, ref=np.max); relative[::16, 9]
RELATIVE = {
    16_000: [-49.1729, -22.4537, -53.3720, -62.3139, -68.8723, -73.4120, -78.0648, -80.0],
    8_000: [-61.5116, -49.8751, -12.7134, -52.2373, -57.1768, -60.5597, -62.9595, -47.0420],
}
#   librosa.feature.mfcc(S=relative, n_mfcc=40)[[0, 1, 2, 13, 39]][:, [0, -1]].T
CEPSTRA = {
    16_000: [[-568.8973, 169.5042, 57.0552, -21.8560, 0.4694], [-583.8126, 82.6338, -69.7669, -6.3133, 1.5875]],
    8_000: [[-517.4463, 152.3977, 70.3566, -13.4392, 4.1687], [-548.7904, 8.2570, -63.7096, -5.8198, 5.9059]],
}
#   librosa.feature.delta(relative, width=9, order=order)[::32, [0, 9, -1]].T
DERIVATIVES = {
    (16_000, 1): [
        [-3.4591, -0.7879, -0.6162, -0.9931],
        [-0.8543, 0.2052, -0.5537, -0.9554],
        [1.9817, 1.2648, 1.8997, 1.3951],
    ],
    (16_000, 2): [
        [1.8090, 0.5790, -0.1682, -0.0829],
        [-0.4288, 0.2524, 0.6227, 0.7090],
        [2.3523, 1.7079, 1.1480, 0.9001],
    ],
    (8_000, 1): [
        [-4.2608, 0.9300, -1.1346, -0.9187],
        [-0.9635, 5.0012, -0.1177, -0.4407],
        [2.0645, 1.4746, -2.5581, 1.6684],
    ],
    (8_000, 2): [
        [1.3577, 2.1005, 0.3892, -0.4250],
        [0.5869, -2.4859, 0.0110, 0.1542],
        [1.3849, 1.4072, -2.5049, 1.1099],
    ],
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("settings", SETTINGS)
def test_equals_librosa(settings: MelSettings, dtype: type) -> None:
    rate_hz = settings.rate_hz
    decibels = log_mel(glide(rate_hz).astype(dtype), settings)
    assert decibels.shape == (1 + round(0.4 * rate_hz) // settings.hop, 128) and decibels.dtype == dtype
    np.testing.assert_allclose(decibels[[0, 9, 20, -1], ::16], LEVELS[rate_hz], atol=2e-4)
    relative = relative_to_loudest(decibels)
    np.testing.assert_allclose(relative[9, ::16], RELATIVE[rate_hz], atol=2e-4)
    cepstra = mfcc(relative, 40)
    np.testing.assert_allclose(cepstra[[0, -1]][:, [0, 1, 2, 13, 39]], CEPSTRA[rate_hz], atol=1e-3)
    for order in (1, 2):
        derivatives = deltas(relative, order)
        np.testing.assert_allclose(derivatives[[0, 9, -1], ::32], DERIVATIVES[rate_hz, order], atol=2e-4)
        assert relative.dtype == cepstra.dtype == derivatives.dtype == dtype


@pytest.mark.parametrize("taper", ["hamming", "hann"])
def test_windows_are_those_of_scipy(taper: Any) -> None:
    signal = pytest.importorskip("scipy.signal")
    settings = MelSettings(n_fft=2048, window=2048, hop=512, taper=taper)
    samples = glide(16_000)
    frame = np.pad(samples, 1024)[3 * 512 : 3 * 512 + 2048] * signal.get_window(taper, 2048)
    power = np.abs(np.fft.rfft(frame)) ** 2 @ spectra._mel_filters(settings)
    np.testing.assert_allclose(log_mel(samples, settings)[3], 10 * np.log10(np.maximum(power, 1e-10)), atol=1e-6)


@pytest.mark.parametrize("settings", [*SETTINGS, MelSettings(n_fft=400, window=399, hop=77, n_mels=40)])
def test_numpy_and_torch_agree(settings: MelSettings) -> None:
    torch = pytest.importorskip("torch")
    noise = np.random.default_rng(0).standard_normal((2, 3, 4000)) * 0.1
    for dtype, tolerance in ((np.float32, 2e-3), (np.float64, 1e-9)):
        signals = noise.astype(dtype)
        arrays = every_step(signals, settings)
        for array, tensor in zip(arrays, every_step(torch.from_numpy(signals), settings), strict=True):
            assert isinstance(array, np.ndarray) and isinstance(tensor, torch.Tensor)
            assert array.dtype == dtype and tensor.numpy().dtype == dtype
            np.testing.assert_allclose(tensor.numpy(), array, atol=tolerance)


def every_step(signals: Any, settings: MelSettings) -> list[Any]:
    levels = log_mel(signals, settings)
    relative = relative_to_loudest(levels)
    return [levels, relative, mfcc(relative, 20), deltas(relative), deltas(levels, 2, 5), deltas(levels[..., :1, :])]


def test_low_precision_training_does_not_round_levels() -> None:
    torch = pytest.importorskip("torch")
    signals = torch.from_numpy(glide(16_000).astype(np.float32))
    plain = every_step(signals, MelSettings())
    with torch.autocast("cpu", torch.bfloat16):
        within = every_step(signals, MelSettings())
    for expected, values in zip(plain, within, strict=True):
        assert values.dtype == torch.float32 and torch.equal(expected, values)


def test_a_batch_equals_its_signals() -> None:
    signals = np.random.default_rng(1).standard_normal((3, 2, 3000)) * [[[1.0]], [[0.1]], [[0.01]]]
    together = relative_to_loudest(log_mel(signals, MelSettings()))
    assert together.shape == (3, 2, 19, 128)
    np.testing.assert_allclose(together.max(axis=(-2, -1)), 0.0)
    for at in np.ndindex(3, 2):
        np.testing.assert_allclose(together[at], relative_to_loudest(log_mel(signals[at], MelSettings())), atol=1e-9)


@pytest.mark.parametrize("frames_at_once", [0, 1, 7])
def test_long_signals_are_taken_in_pieces(frames_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = np.random.default_rng(2).standard_normal((2, 10_000))
    settings = MelSettings(hop=333)
    whole = log_mel(signals, settings)
    monkeypatch.setattr(spectra, "POINTS_AT_ONCE", 2 * frames_at_once * settings.n_fft)
    np.testing.assert_allclose(log_mel(signals, settings), whole, atol=1e-9)
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(log_mel(torch.from_numpy(signals), settings).numpy(), whole, atol=1e-9)


def test_long_signals_take_little_memory() -> None:
    signal = np.random.default_rng(2).standard_normal(300 * 16_000, dtype=np.float32)
    tracemalloc.start()
    try:
        decibels = log_mel(signal, MelSettings())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # all spectra at once would be 123 MB
    assert decibels.nbytes > 15e6 and peak < 2 * decibels.nbytes + 30e6


def test_gain_only_shifts_levels() -> None:
    signal = glide(16_000)
    plain, louder = (log_mel(gain * signal, MelSettings()) for gain in (1.0, 2.0))
    assert plain.min() > -100
    np.testing.assert_allclose(louder - plain, 20 * np.log10(2), atol=1e-6)
    np.testing.assert_allclose(relative_to_loudest(louder), relative_to_loudest(plain), atol=1e-6)


def test_a_tone_is_in_its_band() -> None:
    # Slaney's scale has 500 Hz at mel 7.5, 3 kHz at 30.98, 8 kHz at 45.24: of 129 steps, places 21.4 and 88.3 from 1 on
    for hz, band in ((500.0, 20), (3000.0, 87)):
        tone = np.sin(2 * np.pi * hz * np.arange(16_000) / 16_000)
        assert set(log_mel(tone, MelSettings())[10:90].argmax(axis=1)) == {band}


@pytest.mark.parametrize("n_samples", [0, 1, 159, 160, 161, 512, 1600])
def test_as_many_frames_as_hops_and_one(n_samples: int) -> None:
    decibels = log_mel(np.full(n_samples, 0.1), MelSettings())
    assert decibels.shape == (1 + n_samples // 160, 128) and np.isfinite(decibels).all()


def test_silence_is_at_the_floor() -> None:
    silence = log_mel(np.zeros(1600, dtype=np.float32), MelSettings())
    np.testing.assert_allclose(silence, -100.0)
    np.testing.assert_array_equal(relative_to_loudest(silence), 0.0)


def test_levels_have_a_range() -> None:
    levels = np.array([[[-3.0, -20.0], [-90.0, -83.0]], [[1.0, 2.0], [3.0, -17.1]]])
    np.testing.assert_allclose(relative_to_loudest(levels)[0], [[0.0, -17.0], [-80.0, -80.0]])
    np.testing.assert_allclose(relative_to_loudest(levels, 20.0)[1], [[-2.0, -1.0], [0.0, -20.0]])


def test_all_cepstra_keep_the_energy() -> None:
    levels = np.random.default_rng(3).standard_normal((5, 16))
    cepstra = mfcc(levels, 16)
    np.testing.assert_allclose((cepstra**2).sum(axis=1), (levels**2).sum(axis=1))
    np.testing.assert_allclose(cepstra[:, 0], levels.sum(axis=1) / 4)
    for n_mfcc in (0, 17):
        with pytest.raises(ValueError, match="from 1 to the number of bands, 16"):
            mfcc(levels, n_mfcc)


@pytest.mark.parametrize("n_frames", [3, 4, 8, 9, 10, 40])
def test_a_ramp_rises_steadily(n_frames: int) -> None:
    now = np.arange(n_frames, dtype=float)[:, None]
    np.testing.assert_allclose(deltas(3 * now + 1), 3.0)
    np.testing.assert_allclose(deltas(3 * now + 1, 2), 0.0, atol=1e-9)
    np.testing.assert_allclose(deltas(now**2, 2), 2.0)


def test_few_frames_have_a_narrower_derivative() -> None:
    frames = np.random.default_rng(4).standard_normal((6, 2))
    np.testing.assert_array_equal(deltas(frames, 1, 9), deltas(frames, 1, 5))
    np.testing.assert_array_equal(deltas(frames[:2]), np.zeros((2, 2)))
    np.testing.assert_array_equal(deltas(frames[:4], 3, 5), np.zeros((4, 2)))


@pytest.mark.parametrize(("order", "width"), [(0, 9), (1, 8), (1, 1), (3, 3)])
def test_impossible_derivatives(order: int, width: int) -> None:
    with pytest.raises(ValueError, match=r"order|odd"):
        deltas(np.zeros((20, 2)), order, width)


@pytest.mark.parametrize("dtype", [np.int16, np.float16])
def test_other_scales_are_refused(dtype: type) -> None:
    with pytest.raises(TypeError, match="float32 or float64"):
        log_mel(np.zeros(1600, dtype=dtype), MelSettings())
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="float32 or float64"):
        log_mel(torch.zeros(1600, dtype=torch.float16), MelSettings())


@pytest.mark.parametrize(
    "wrong", [{"rate_hz": 0}, {"n_fft": 1023}, {"window": 1}, {"window": 1025}, {"hop": 0}, {"n_mels": 0}]
)
def test_impossible_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(MelSettings(), **wrong)


def test_a_step_lasts_a_hop() -> None:
    assert MelSettings().step_s == 0.01
    assert MelSettings(rate_hz=8_000, hop=100).step_s == 0.0125
