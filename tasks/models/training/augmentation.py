"""What may be done to training rows, anew each time that they are seen; to other rows, never."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tasks.models.base.checks import demand_share

NOISE_RANGE_DB = 20.0
"""How far below `noise_db` the level of noise may be drawn."""
_OCTAVE = 12


@dataclass(frozen=True)
class Augmentation:
    """How training rows are varied; nothing, as it stands.

    Every row is drawn for itself, and everything uniformly over what its setting allows. Raw sound is varied as sound,
    before it becomes a spectrogram; the time warp and the masks are of spectrograms in any case.

    Masks are those of SpecAugment (Park et al. 2019, Interspeech, section 2): widths are uniform from 0 to the one
    given, starts uniform over what is left, and the masked part becomes the training part's mean.

    Args:
        frequency_masks: how many bands of frequency are masked
        frequency_width: mel bands in such a mask, at most (F)
        time_masks: how many stretches of time are masked
        time_width: frames in such a mask, at most (T)
        time_warp: frames by which a point of a spectrogram is moved along time, at most, either way (W); 0: none, as
            the paper and the source conclude
        shift: frames by which a whole row is moved along time, at most, either way; what leaves at one end is lost
        gain_db: the level is moved by up to so much, either way; nothing is left of it where levels are taken relative
            to the row's loudest, as they are of raw sound, or standardised by utterance
        noise_db: level of white noise, relative to the row's own, at most; it is drawn from 20 dB less up to here; 0:
            none; -20 is noise of 20 to 40 dB below the speech
        speed: share by which speech gets faster or slower, at most; sound gets higher or lower with it, and
            spectrograms keep their pitch
        pitch_semitones: by which the pitch moves and nothing else, at most, either way; raw sound only
        probability: with which each of these is done to a row
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
        """What is asked for that only raw sound can bear."""
        return ("pitch_semitones",) if self.pitch_semitones else ()
