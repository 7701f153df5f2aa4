"""Settings of augmentation: random variations of training rows, drawn anew each time a row is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tasks.models.base.checks import demand_share

NOISE_RANGE_DB = 20.0
"""The level of noise is drawn from `noise_db` minus this to `noise_db`."""
_OCTAVE = 12


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of training rows; none by default.

    Every row is varied independently, uniformly over the range of each setting. Raw sound is varied before it becomes a
    spectrogram; the time warp and the masks always act on spectrograms.

    Masks are those of SpecAugment (Park et al. 2019, Interspeech, section 2): widths are uniform from 0 to the maximum,
    starts are uniform over what is left, and the masked part becomes the training part's mean.

    Args:
        frequency_masks: masked frequency bands per row
        frequency_width: mel bands of such a mask at most (F)
        time_masks: masked stretches of time per row
        time_width: frames of such a mask at most (T)
        time_warp: frames by which a point of a spectrogram is moved in time at most, either way (W); 0: none, as the
            paper and the source conclude
        shift: frames by which a whole row is moved in time at most, either way; what passes either end is lost
        gain_db: change of level at most, either way; no effect where levels are relative to the row's loudest, as those
            of raw sound are, or standardised by utterance
        noise_db: level of white noise relative to the row's at most; drawn from 20 dB below it; 0: none; -20: noise 20
            to 40 dB below the speech
        speed: share by which speech gets faster or slower at most; this changes the pitch of sound, not of spectrograms
        pitch_semitones: change of pitch at most, either way, at the same speed; raw sound only
        probability: with which each variation is applied to a row
    """

    frequency_masks: int = 0
    frequency_width: int = 16
    time_masks: int = 0
    time_width: int = 32
    time_warp: int = 0
    shift: int = 0
    gain_db: float = 0.0
    noise_db: float = 0.0
    speed: float = 0.0
    pitch_semitones: float = 0.0
    probability: float = 1.0

    def __post_init__(self) -> None:
        for name in ("frequency_masks", "frequency_width", "time_masks", "time_width", "time_warp", "shift"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, found {getattr(self, name)}")
        if not 0 <= self.gain_db < math.inf:
            raise ValueError(f"gain_db is how far at most, either way: 0 or more, found {self.gain_db}")
        if not -math.inf < self.noise_db <= 0:
            raise ValueError(f"noise_db is relative to the row's own level: 0 (none) or below, found {self.noise_db}")
        demand_share("speed", self.speed)
        if not 0 <= self.pitch_semitones <= _OCTAVE:
            raise ValueError(
                f"pitch_semitones is how far at most, either way: from 0 to {_OCTAVE}, found {self.pitch_semitones}"
            )
        if not 0 < self.probability <= 1:
            raise ValueError(f"probability must be above 0 and at most 1, found {self.probability}")

    @property
    def of_sound(self) -> tuple[str, ...]:
        """The variations asked for that need raw sound."""
        return ("pitch_semitones",) if self.pitch_semitones else ()
