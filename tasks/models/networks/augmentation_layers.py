"""Variations of training rows: new ones each time a row is seen, each row for itself, on the rows' own device.

All chance comes from PyTorch's global generator of that device, which the training loop seeds anew for every epoch. In
evaluation none of the modules does anything. What fills a row up after its end stays as it is under noise, speed and
pitch: a row's end is where nothing but repetitions of its last step follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tasks.models.training.augmentation import NOISE_RANGE_DB, Augmentation

Vary = Callable[[Tensor], Tensor]
_OVERSAMPLED = 4
"""Cubic interpolation between samples four times as dense errs by less than 1 % up to the highest frequency."""
_VOCODER_S = 0.064
"""Window of the phase vocoder: partials of deep voices stand apart in it."""
_NEPER_PER_DB = math.log(10) / 10
"""Natural logarithm of power, per dB."""


class SoundAugmentation(nn.Module):
    """Sound at another speed, at another pitch, in noise, moved in time, louder or softer; in this order.

    Args:
        augment: what is done
        rate_hz: sampling rate
        hop: samples per frame, in which `shift` counts
    """

    def __init__(self, augment: Augmentation, rate_hz: int, hop: int) -> None:
        super().__init__()
        self._augment, self._hop = augment, hop
        self._window = 2 ** math.ceil(math.log2(_VOCODER_S * rate_hz))

    def forward(self, sound: Tensor) -> Tensor:
        """Return sound of the same shape, float32, (n_rows, n_samples)."""
        if not self.training:
            return sound
        augment = self._augment
        asked: Sequence[tuple[float, Vary]] = (
            (augment.speed, lambda rows: faster(rows, _factors(rows, augment.speed))),
            (augment.pitch_semitones, self._pitched),
            (augment.noise_db, lambda rows: noisy(rows, _noise_levels(rows, augment))),
            (augment.shift, lambda rows: later(rows, self._hop * _shifts(rows, augment.shift))),
            (augment.gain_db, lambda rows: rows * _column(10 ** (_either_way(rows, augment.gain_db) / 20), rows)),
        )
        return _varied(sound, augment.probability, asked)

    def _pitched(self, rows: Tensor) -> Tensor:
        most = self._augment.pitch_semitones
        return pitched(rows, 2 ** (_either_way(rows, most) / 12), self._window, 2 ** (most / 12))


class SpectrogramAugmentation(nn.Module):
    """Spectrograms at another speed, warped along time, in noise, moved in time, louder or softer; in this order.

    Args:
        augment: what is done
        after_sound: whether these are spectrograms of sound that has been varied: only the time warp is left to do then
    """

    def __init__(self, augment: Augmentation, *, after_sound: bool = False) -> None:
        super().__init__()
        self._augment, self._after_sound = augment, after_sound

    def forward(self, frames: Tensor) -> Tensor:
        """Return spectrograms in dB of the same shape, float32, (n_rows, n_frames, n_bands)."""
        if not self.training:
            return frames
        augment = self._augment
        warp = (augment.time_warp, lambda rows: warped(rows, *_warps(rows, augment.time_warp)))
        asked: Sequence[tuple[float, Vary]] = (
            (augment.speed, lambda rows: faster_frames(rows, _factors(rows, augment.speed))),
            warp,
            (augment.noise_db, lambda rows: noisy_frames(rows, _noise_levels(rows, augment))),
            (augment.shift, lambda rows: later_frames(rows, _shifts(rows, augment.shift))),
            (augment.gain_db, lambda rows: rows + _column(_either_way(rows, augment.gain_db), rows)),
        )
        return _varied(frames, augment.probability, (warp,) if self._after_sound else asked)


class SpecAugmentMasks(nn.Module):
    """SpecAugment's masks (Park et al. 2019, Interspeech, section 2): bands, then frames, become 0.

    Frames are standardised by now, so that 0 is the mean. Masks may overlap, and none is wider than its axis is long.

    Args:
        augment: what is done
    """

    def __init__(self, augment: Augmentation) -> None:
        super().__init__()
        self._augment = augment

    def forward(self, frames: Tensor) -> Tensor:
        """Return standardised frames of the same shape, float32, (n_rows, n_frames, n_bands)."""
        if not self.training:
            return frames
        augment = self._augment
        asked: Sequence[tuple[float, Vary]] = (
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
        return _varied(frames, augment.probability, asked)


def faster(sound: Tensor, factors: Tensor) -> Tensor:
    """Return sound that is faster and higher by a factor; it starts where it did, and what passes the end is lost.

    Args:
        sound: shape (n_rows, n_samples)
        factors: above 0, float64, shape (n_rows,)
    """
    n_samples = sound.shape[1]
    found = _resampled(sound, factors, n_samples)
    return torch.where(_positions(factors, n_samples) < _lengths(sound)[:, None], found, 0.0)


def pitched(sound: Tensor, factors: Tensor, window: int, most: float) -> Tensor:
    """Return sound of the same duration whose frequencies are higher by a factor.

    A phase vocoder makes it last longer by the factor, and resampling takes that back. It is the plain one, as in
    Laroche & Dolson 1999, "Improved phase vocoder time-scale modification of audio", IEEE Transactions on Speech and
    Audio Processing 7(3): without their phase locking speech comes out a little reverberant.

    Args:
        sound: shape (n_rows, n_samples)
        factors: above 0, float64, shape (n_rows,)
        window: samples of the vocoder's window, a multiple of 4
        most: the largest factor that may come
    """
    n_samples = sound.shape[1]
    found = _resampled(_longer(sound, factors, window, math.ceil(n_samples * most)), factors, n_samples)
    return torch.where(_steps(sound) < _lengths(sound)[:, None], found, 0.0)


def noisy(sound: Tensor, levels_db: Tensor) -> Tensor:
    """Return sound with white noise in it.

    Args:
        sound: shape (n_rows, n_samples)
        levels_db: of the noise relative to the row's root mean square up to its end, shape (n_rows,)
    """
    lengths = _lengths(sound)[:, None]
    within = _steps(sound) < lengths
    rms = ((sound**2 * within).sum(1, keepdim=True) / lengths.clamp(min=1)).sqrt()
    return sound + torch.randn_like(sound) * within * rms * 10 ** (levels_db[:, None] / 20)


def later(sound: Tensor, shifts: Tensor) -> Tensor:
    """Return sound moved along time, with silence where none was.

    Args:
        sound: shape (n_rows, n_samples)
        shifts: in samples, below 0: earlier; int64, shape (n_rows,)
    """
    at = _steps(sound) - shifts[:, None]
    last = sound.shape[1] - 1
    return torch.where((at >= 0) & (at <= last), sound.gather(1, at.clamp(0, last)), 0.0)


def faster_frames(frames: Tensor, factors: Tensor) -> Tensor:
    """Return spectrograms that pass faster by a factor, at the same pitch.

    Args:
        frames: shape (n_rows, n_frames, n_bands)
        factors: above 0, shape (n_rows,)
    """
    return _frames_at(frames, _positions(factors, frames.shape[1]))


def later_frames(frames: Tensor, shifts: Tensor) -> Tensor:
    """Return spectrograms moved along time; where nothing was, every band is as quiet as it ever is in its row.

    Args:
        frames: shape (n_rows, n_frames, n_bands)
        shifts: in frames, below 0: earlier; int64, shape (n_rows,)
    """
    return _frames_at(frames, (_steps(frames) - shifts[:, None]).double())


def warped(frames: Tensor, points: Tensor, shifts: Tensor) -> Tensor:
    """Return spectrograms of which one frame is moved along time, and all others with it, the ends excepted.

    Time warping of SpecAugment (Park et al. 2019, section 2), linear on either side of the point.

    Args:
        frames: shape (n_rows, n_frames, n_bands)
        points: frames that are moved, shape (n_rows,)
        shifts: in frames, below 0: earlier; shape (n_rows,)
    """
    last = frames.shape[1] - 1
    if last < 2:
        return frames
    came = points.double()[:, None]
    went = (came + shifts[:, None]).clamp(1, last - 1)
    steps = _steps(frames)
    before = steps * came / went
    after = last - (last - steps) * (last - came) / (last - went)
    return _frames_at(frames, torch.where(steps <= went, before, after).clamp(0, last))


def noisy_frames(frames: Tensor, levels_db: Tensor) -> Tensor:
    """Return spectrograms with white noise in them: powers add up.

    The power of noise at one frequency is distributed exponentially; so it is drawn for every band and frame.

    Args:
        frames: in dB, shape (n_rows, n_frames, n_bands)
        levels_db: of the noise relative to the row's mean power up to its end, shape (n_rows,)
    """
    lengths = _lengths(frames)[:, None]
    within = (_steps(frames) < lengths)[..., None]
    # logarithms all the way: powers themselves overflow where levels are no plain dB
    powers = frames * _NEPER_PER_DB
    n_cells = (lengths[..., None] * frames.shape[2]).clamp(min=1)
    mean = torch.where(within, powers, -torch.inf).logsumexp((1, 2), keepdim=True) - n_cells.log()
    noise = mean + levels_db[:, None, None] * _NEPER_PER_DB + torch.empty_like(frames).exponential_().log()
    return torch.where(within, torch.logaddexp(powers, noise) / _NEPER_PER_DB, frames)


def _varied(rows: Tensor, probability: float, asked: Sequence[tuple[float, Vary]]) -> Tensor:
    for much, vary in asked:
        if much:
            rows = _some(rows, probability, vary)
    return rows


def _some(rows: Tensor, probability: float, vary: Vary) -> Tensor:
    if probability == 1:
        return vary(rows)
    chosen = (torch.rand(len(rows), device=rows.device) < probability).nonzero()[:, 0]
    return rows.index_copy(0, chosen, vary(rows[chosen])) if len(chosen) else rows


def _masked(rows: Tensor, n_masks: int, widest: int, length: int) -> Tensor:
    """Return what masks cover of an axis, bool, shape (n_rows, length)."""
    size = (len(rows), n_masks, 1)
    widths = torch.randint(min(widest, length) + 1, size, device=rows.device)
    # float64: rounded to float32, the last start may come out one too far
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
    """Return points that are at least `most` from either end, and by how much they move, shapes (n_rows,)."""
    last = rows.shape[1] - 1
    most = min(most, last // 2)
    points = most + (last - 2 * most) * torch.rand(len(rows), dtype=torch.float64, device=rows.device)
    return points, _either_way(rows, most)


def _column(values: Tensor, rows: Tensor) -> Tensor:
    return values.to(rows.dtype).view(-1, *[1] * (rows.ndim - 1))


def _steps(rows: Tensor) -> Tensor:
    return torch.arange(rows.shape[1], device=rows.device)


def _positions(factors: Tensor, n_steps: int) -> Tensor:
    # float64: a position in a long row has no digits left for its fraction in float32
    return factors.double()[:, None] * torch.arange(n_steps, device=factors.device)


def _lengths(rows: Tensor) -> Tensor:
    """Return how many steps come before nothing but repetitions of the last one, shape (n_rows,)."""
    other = rows != rows[:, -1:]
    if rows.ndim == 3:
        other = other.any(2)
    n_steps = rows.shape[1]
    found = (other * (_steps(rows) + 1)).amax(1)
    return torch.where(found == n_steps - 1, n_steps, found)


def _frames_at(frames: Tensor, positions: Tensor) -> Tensor:
    """Return frames between frames, by linear interpolation, and the quietest of every band outside.

    Args:
        frames: shape (n_rows, n_frames, n_bands)
        positions: in frames, float64, shape (n_rows, n_found)
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
    """Return sound read in steps of a factor, without what would be above half the sampling rate then.

    Samples in between come from a spectrum filled up with zeros, and cubic interpolation (Catmull & Rom 1974) there.
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


def _longer(sound: Tensor, factors: Tensor, window: int, n_samples: int) -> Tensor:
    """Return sound that lasts longer by a factor, at the same pitch; shape (n_rows, n_samples)."""
    hop = window // 4
    taper = torch.hann_window(window, device=sound.device)
    spectrum = torch.stft(sound, window, hop, window=taper, pad_mode="constant", return_complex=True)
    # after the end there is silence
    spectrum = nn.functional.pad(spectrum, (0, 1)).transpose(1, 2)
    size, phase = spectrum.abs(), spectrum.angle()
    last = spectrum.shape[1] - 1
    positions = _positions(1 / factors, math.ceil(n_samples / hop) + 1)
    below = positions.floor().clamp(max=last).long()
    above = (below + 1).clamp(max=last)
    share = (positions - below).clamp(max=1).to(sound.dtype)[..., None]
    sizes = _taken(size, below) * (1 - share) + _taken(size, above) * share
    # as many samples from frame to frame as before: phases advance by what they did there
    advances = _taken(phase, above) - _taken(phase, below)
    phases = phase[:, :1] + nn.functional.pad(advances[:, :-1].cumsum(1), (0, 0, 1, 0))
    longer = torch.polar(sizes, phases).transpose(1, 2)
    found: Tensor = torch.istft(longer, window, hop, window=taper, length=n_samples)
    return found
