"""PyTorch modules of augmentation: random variations of training rows, each row independently, on their own device.

Random numbers come from PyTorch's global generator of that device, which the training loop seeds for every epoch. In
evaluation mode the modules return their input. Noise, speed and pitch leave the padding of a row unchanged: padding is
what repeats the last step to the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tasks.models.training.augmentation import NOISE_RANGE_DB, Augmentation

Vary = Callable[[Tensor], Tensor]
_OVERSAMPLED = 4
"""Cubic interpolation of a signal oversampled by 4 has an error below 1 % up to the highest frequency."""
_VOCODER_S = 0.064
"""Window of the phase vocoder, long enough to separate the partials of deep voices."""
_NEPER_PER_DB = math.log(10) / 10
"""Natural logarithm of power, per dB."""


class SoundAugmentation(nn.Module):
    """Vary sound: speed, pitch, noise, shift in time and level, in this order.

    Args:
        augment: the variations
        rate_hz: sampling rate
        hop: samples per frame, the unit of `shift`
    """

    def __init__(self, augment: Augmentation, rate_hz: int, hop: int) -> None:
        super().__init__()
        self._augment, self._hop = augment, hop
        self._window = 2 ** math.ceil(math.log2(_VOCODER_S * rate_hz))

    def forward(self, sound: Tensor) -> Tensor:
        """Return varied sound, in the same shape.

        Args:
            sound: float32, shape (n_rows, n_samples)
        """
        if not self.training:
            return sound
        augment = self._augment
        variations: Sequence[tuple[float, Vary]] = (
            (augment.speed, lambda rows: faster(rows, _factors(rows, augment.speed))),
            (augment.pitch_semitones, self._pitched),
            (augment.noise_db, lambda rows: noisy(rows, _noise_levels(rows, augment))),
            (augment.shift, lambda rows: later(rows, self._hop * _shifts(rows, augment.shift))),
            (augment.gain_db, lambda rows: rows * _column(10 ** (_either_way(rows, augment.gain_db) / 20), rows)),
        )
        return _varied(sound, augment.probability, variations)

    def _pitched(self, rows: Tensor) -> Tensor:
        most = self._augment.pitch_semitones
        return pitched(rows, 2 ** (_either_way(rows, most) / 12), self._window, 2 ** (most / 12))


class SpectrogramAugmentation(nn.Module):
    """Vary spectrograms: speed, time warp, noise, shift in time and level, in this order.

    Args:
        augment: the variations
        after_sound: whether their sound was varied already; then only the time warp is applied
    """

    def __init__(self, augment: Augmentation, *, after_sound: bool = False) -> None:
        super().__init__()
        self._augment, self._after_sound = augment, after_sound

    def forward(self, frames: Tensor) -> Tensor:
        """Return varied spectrograms, in the same shape.

        Args:
            frames: in dB, float32, shape (n_rows, n_frames, n_bands)
        """
        if not self.training:
            return frames
        augment = self._augment
        warp = (augment.time_warp, lambda rows: warped(rows, *_warps(rows, augment.time_warp)))
        variations: Sequence[tuple[float, Vary]] = (
            (augment.speed, lambda rows: faster_frames(rows, _factors(rows, augment.speed))),
            warp,
            (augment.noise_db, lambda rows: noisy_frames(rows, _noise_levels(rows, augment))),
            (augment.shift, lambda rows: later_frames(rows, _shifts(rows, augment.shift))),
            (augment.gain_db, lambda rows: rows + _column(_either_way(rows, augment.gain_db), rows)),
        )
        return _varied(frames, augment.probability, (warp,) if self._after_sound else variations)


class SpecAugmentMasks(nn.Module):
    """Mask bands, then frames, with 0 (SpecAugment, Park et al. 2019, Interspeech, section 2).

    Frames are standardised, so 0 is the mean. Masks may overlap; none is wider than its axis.

    Args:
        augment: number and width of the masks
    """

    def __init__(self, augment: Augmentation) -> None:
        super().__init__()
        self._augment = augment

    def forward(self, frames: Tensor) -> Tensor:
        """Return masked frames, in the same shape.

        Args:
            frames: standardised, float32, shape (n_rows, n_frames, n_bands)
        """
        if not self.training:
            return frames
        augment = self._augment
        variations: Sequence[tuple[float, Vary]] = (
            (
                augment.frequency_masks,
                lambda rows: rows.masked_fill(
                    _masked(rows, augment.frequency_masks, augment.frequency_width, rows.shape[2])[:, None], 0
                ),
            ),
            (
                augment.time_masks,
                lambda rows: rows.masked_fill(
                    _masked(rows, augment.time_masks, augment.time_width, rows.shape[1])[..., None], 0
                ),
            ),
        )
        return _varied(frames, augment.probability, variations)


def faster(sound: Tensor, factors: Tensor) -> Tensor:
    """Return sound that is faster and higher by a factor, with the same start; what passes the end is lost.

    Args:
        sound: shape (n_rows, n_samples)
        factors: above 0, float64, shape (n_rows,)
    """
    n_samples = sound.shape[1]
    resampled = _resampled(sound, factors, n_samples)
    return torch.where(_positions(factors, n_samples) < _lengths(sound)[:, None], resampled, 0.0)


def pitched(sound: Tensor, factors: Tensor, window: int, most: float) -> Tensor:
    """Return sound of the same duration, with frequencies higher by a factor.

    A phase vocoder stretches it by the factor, and resampling restores the duration. The vocoder is the basic one of
    Laroche & Dolson 1999, "Improved phase vocoder time-scale modification of audio", IEEE Transactions on Speech and
    Audio Processing 7(3); without their phase locking, speech sounds slightly reverberant.

    Args:
        sound: shape (n_rows, n_samples)
        factors: above 0, float64, shape (n_rows,)
        window: samples of the vocoder's window, a multiple of 4
        most: upper bound of the factors
    """
    n_samples = sound.shape[1]
    higher = _resampled(_stretched(sound, factors, window, math.ceil(n_samples * most)), factors, n_samples)
    return torch.where(_steps(sound) < _lengths(sound)[:, None], higher, 0.0)


def noisy(sound: Tensor, levels_db: Tensor) -> Tensor:
    """Return sound with white noise.

    Args:
        sound: shape (n_rows, n_samples)
        levels_db: of the noise relative to the row's root mean square up to its end, shape (n_rows,)
    """
    lengths = _lengths(sound)[:, None]
    within = _steps(sound) < lengths
    rms = ((sound**2 * within).sum(1, keepdim=True) / lengths.clamp(min=1)).sqrt()
    return sound + torch.randn_like(sound) * within * rms * 10 ** (levels_db[:, None] / 20)


def later(sound: Tensor, shifts: Tensor) -> Tensor:
    """Return sound moved in time, padded with silence.

    Args:
        sound: shape (n_rows, n_samples)
        shifts: in samples, negative: earlier; int64, shape (n_rows,)
    """
    at = _steps(sound) - shifts[:, None]
    last = sound.shape[1] - 1
    return torch.where((at >= 0) & (at <= last), sound.gather(1, at.clamp(0, last)), 0.0)


def faster_frames(frames: Tensor, factors: Tensor) -> Tensor:
    """Return spectrograms that are faster by a factor, at the same pitch.

    Args:
        frames: shape (n_rows, n_frames, n_bands)
        factors: above 0, shape (n_rows,)
    """
    return _frames_at(frames, _positions(factors, frames.shape[1]))


def later_frames(frames: Tensor, shifts: Tensor) -> Tensor:
    """Return spectrograms moved in time, padded with the minimum of every band in its row.

    Args:
        frames: shape (n_rows, n_frames, n_bands)
        shifts: in frames, negative: earlier; int64, shape (n_rows,)
    """
    return _frames_at(frames, (_steps(frames) - shifts[:, None]).double())


def warped(frames: Tensor, points: Tensor, shifts: Tensor) -> Tensor:
    """Return spectrograms warped in time: a point moves, the ends stay, and time is linear on either side of it.

    SpecAugment, Park et al. 2019, section 2.

    Args:
        frames: shape (n_rows, n_frames, n_bands)
        points: in frames, shape (n_rows,)
        shifts: of the points, in frames, negative: earlier; shape (n_rows,)
    """
    last = frames.shape[1] - 1
    if last < 2:
        return frames
    source = points.double()[:, None]
    target = (source + shifts[:, None]).clamp(1, last - 1)
    steps = _steps(frames)
    before = steps * source / target
    after = last - (last - steps) * (last - source) / (last - target)
    return _frames_at(frames, torch.where(steps <= target, before, after).clamp(0, last))


def noisy_frames(frames: Tensor, levels_db: Tensor) -> Tensor:
    """Return spectrograms with white noise: powers are added.

    The power of noise at one frequency has an exponential distribution; it is drawn for every band and frame.

    Args:
        frames: in dB, shape (n_rows, n_frames, n_bands)
        levels_db: of the noise relative to the row's mean power up to its end, shape (n_rows,)
    """
    lengths = _lengths(frames)[:, None]
    within = (_steps(frames) < lengths)[..., None]
    # computed in logarithms: powers overflow where levels are not plain dB
    powers = frames * _NEPER_PER_DB
    n_cells = (lengths[..., None] * frames.shape[2]).clamp(min=1)
    mean = torch.where(within, powers, -torch.inf).logsumexp((1, 2), keepdim=True) - n_cells.log()
    noise = mean + levels_db[:, None, None] * _NEPER_PER_DB + torch.empty_like(frames).exponential_().log()
    return torch.where(within, torch.logaddexp(powers, noise) / _NEPER_PER_DB, frames)


def _varied(rows: Tensor, probability: float, variations: Sequence[tuple[float, Vary]]) -> Tensor:
    for amount, vary in variations:
        if amount:
            rows = _some(rows, probability, vary)
    return rows


def _some(rows: Tensor, probability: float, vary: Vary) -> Tensor:
    if probability == 1:
        return vary(rows)
    chosen = (torch.rand(len(rows), device=rows.device) < probability).nonzero()[:, 0]
    return rows.index_copy(0, chosen, vary(rows[chosen])) if len(chosen) else rows


def _masked(rows: Tensor, n_masks: int, widest: int, length: int) -> Tensor:
    """Return the masked positions of an axis, bool, shape (n_rows, length)."""
    size = (len(rows), n_masks, 1)
    widths = torch.randint(min(widest, length) + 1, size, device=rows.device)
    # float64: rounding to float32 can put the last start one too far
    starts = (torch.rand(size, dtype=torch.float64, device=rows.device) * (length - widths + 1)).long()
    steps = torch.arange(length, device=rows.device)
    return ((steps >= starts) & (steps < starts + widths)).any(1)


def _factors(rows: Tensor, most: float) -> Tensor:
    return 1 + _either_way(rows, most)


def _either_way(rows: Tensor, most: float) -> Tensor:
    return most * (2 * torch.rand(len(rows), dtype=torch.float64, device=rows.device) - 1)


def _noise_levels(rows: Tensor, augment: Augmentation) -> Tensor:
    return augment.noise_db - NOISE_RANGE_DB * torch.rand(len(rows), device=rows.device)


def _shifts(rows: Tensor, most: int) -> Tensor:
    return torch.randint(-most, most + 1, (len(rows),), device=rows.device)


def _warps(rows: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return points at least `most` from either end, and their shifts, shapes (n_rows,)."""
    last = rows.shape[1] - 1
    most = min(most, last // 2)
    points = most + (last - 2 * most) * torch.rand(len(rows), dtype=torch.float64, device=rows.device)
    return points, _either_way(rows, most)


def _column(values: Tensor, rows: Tensor) -> Tensor:
    return values.to(rows.dtype).view(-1, *[1] * (rows.ndim - 1))


def _steps(rows: Tensor) -> Tensor:
    return torch.arange(rows.shape[1], device=rows.device)


def _positions(factors: Tensor, n_steps: int) -> Tensor:
    # float64: float32 has no digits left for the fraction of a position in a long row
    return factors.double()[:, None] * torch.arange(n_steps, device=factors.device)


def _lengths(rows: Tensor) -> Tensor:
    """Return the length of each row without its padding, repetitions of the last step, shape (n_rows,)."""
    other = rows != rows[:, -1:]
    if rows.ndim == 3:
        other = other.any(2)
    n_steps = rows.shape[1]
    lengths = (other * (_steps(rows) + 1)).amax(1)
    # a last step that differs from the one before it is not padding
    return torch.where(lengths == n_steps - 1, n_steps, lengths)


def _frames_at(frames: Tensor, positions: Tensor) -> Tensor:
    """Return frames at fractional positions, by linear interpolation; outside, the minimum of every band.

    Args:
        frames: shape (n_rows, n_frames, n_bands)
        positions: in frames, float64, shape (n_rows, n_positions)
    """
    last = frames.shape[1] - 1
    below = positions.floor().clamp(0, last).long()
    share = (positions - below).to(frames.dtype)[..., None]
    low, high = (_taken(frames, at) for at in (below, (below + 1).clamp(max=last)))
    outside = ((positions < 0) | (positions > last))[..., None]
    return torch.where(outside, frames.amin(1, keepdim=True), low + share * (high - low))


def _taken(frames: Tensor, at: Tensor) -> Tensor:
    return frames.gather(1, at[..., None].expand(-1, -1, frames.shape[2]))


def _resampled(sound: Tensor, factors: Tensor, n_samples: int) -> Tensor:
    """Return sound resampled by a factor, low-passed against aliasing.

    The signal is oversampled by zero-padding its spectrum, then interpolated cubically (Catmull & Rom 1974).
    """
    length = sound.shape[1]
    share = 2 * torch.fft.rfftfreq(length, device=sound.device)
    passed = (share < 1) & (share * factors.float()[:, None] < 1)
    dense: Tensor = torch.fft.irfft(torch.fft.rfft(sound) * passed, _OVERSAMPLED * length) * _OVERSAMPLED
    positions = _OVERSAMPLED * _positions(factors, n_samples)
    below = positions.floor()
    t = (positions - below).to(sound.dtype)
    a, b, c, d = (dense.gather(1, (below.long() + k).clamp(0, dense.shape[1] - 1)) for k in (-1, 0, 1, 2))
    return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _stretched(sound: Tensor, factors: Tensor, window: int, n_samples: int) -> Tensor:
    """Return sound stretched by a factor at the same pitch (phase vocoder), shape (n_rows, n_samples)."""
    hop = window // 4
    taper = torch.hann_window(window, device=sound.device)
    spectrum = torch.stft(sound, window, hop, window=taper, pad_mode="constant", return_complex=True)
    # silence after the end
    spectrum = nn.functional.pad(spectrum, (0, 1)).transpose(1, 2)
    size, phase = spectrum.abs(), spectrum.angle()
    last = spectrum.shape[1] - 1
    positions = _positions(1 / factors, math.ceil(n_samples / hop) + 1)
    below = positions.floor().clamp(max=last).long()
    above = (below + 1).clamp(max=last)
    share = (positions - below).clamp(max=1).to(sound.dtype)[..., None]
    sizes = _taken(size, below) * (1 - share) + _taken(size, above) * share
    # the hop is unchanged, so phases advance as between the source frames
    advances = _taken(phase, above) - _taken(phase, below)
    phases = phase[:, :1] + nn.functional.pad(advances[:, :-1].cumsum(1), (0, 0, 1, 0))
    spectra = torch.polar(sizes, phases).transpose(1, 2)
    stretched: Tensor = torch.istft(spectra, window, hop, window=taper, length=n_samples)
    return stretched
