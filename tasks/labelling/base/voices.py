"""Prosody of a video's utterances, for voters that ask for it (`PROSODY = True`).

Level, fundamental frequency and speech rate depend on the speaker, the microphone and the distance. What a listener
notices is a change, so each value is compared with the speaker's other utterances in the video.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.features.sound import framing
from tasks.features.sound.pitch import pitch
from tasks.labelling.base.contexts import SpokenText
from tasks.labelling.base.voter_input import Prosody
from tasks.media.segments.cutting import CutSegment, SegmentSpan, VideoSpans, cuts

MIN_UTTERANCES = 10
"""Fewer utterances of a speaker with a value give no reliable median and spread."""
_MIN_VOICED_FRAMES = 20
"""200 ms: fewer voiced frames give no reliable fundamental frequency."""
_FRAME = 400
_SPEECH_RANGE_DB = 30.0
"""Frames this far below the loudest are pauses: the level is that of speech."""
_FLOOR = 1e-10
_SCALE = 1.4826
"""Median absolute deviation → standard deviation of a normal distribution."""
_REFERENCE_HZ = 100.0


def prosody(video: str, audio: str, audio_sha256: str, spoken: Sequence[SpokenText]) -> list[Prosody]:
    """Return the prosody of each utterance of a video, relative to its speaker's other utterances.

    Args:
        video: its id
        audio: its sound, relative to the folder of media
        audio_sha256: digest of that file
        spoken: its utterances, shape (n_utterances,)

    Raises:
        AudioError: if the sound is damaged
    """
    spans = tuple(SegmentSpan(str(k), utterance.start_s, utterance.end_s) for k, utterance in enumerate(spoken))
    values = np.full((len(spoken), 4), np.nan)
    for cut in cuts(VideoSpans(video, audio, audio_sha256, spans)):
        # an utterance that ends after the sound has no values
        if isinstance(cut, CutSegment):
            k = int(cut.span.utterance_id)
            values[k] = _measured(cut.samples, cut.rate_hz, len(spoken[k].text.split()))
    speakers = np.array([utterance.speaker or "" for utterance in spoken], dtype=str)
    for speaker in np.unique(speakers).tolist():
        values[speakers == speaker] = standardised(values[speakers == speaker])
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in values]
    return [Prosody(*row) for row in rows]


def standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values as distances from their column's median, in robust standard deviations.

    Args:
        values: of one speaker, NaN where there is none, shape (n_utterances, n_values)

    Returns:
        NaN in columns with fewer than `MIN_UTTERANCES` values, or without spread; same shape
    """
    distances = np.full_like(values, np.nan)
    for k in range(values.shape[1]):
        column = values[:, k]
        present = column[~np.isnan(column)]
        if present.size < MIN_UTTERANCES:
            continue
        spread = _SCALE * np.median(np.abs(present - np.median(present)))
        if spread > 0:
            distances[:, k] = (column - np.median(present)) / spread
    return distances


def _measured(samples: NDArray[np.int16], rate_hz: int, n_words: int) -> tuple[float, float, float, float]:
    """Return level in dB, pitch and pitch range in semitones, and words per second; NaN where there is none."""
    signal = framing.to_16_khz(samples, rate_hz)
    missing = float("nan")
    if signal.size < _FRAME or not signal.any():
        return missing, missing, missing, missing
    level_db = 10 * np.log10((framing.frames(signal, _FRAME) ** 2).mean(axis=1) + _FLOOR)
    level = float(level_db[level_db > level_db.max() - _SPEECH_RANGE_DB].mean())
    rate = n_words * framing.RATE_HZ / signal.size
    f0_hz = pitch(signal).f0_hz
    voiced = f0_hz[f0_hz > 0]
    if voiced.size < _MIN_VOICED_FRAMES:
        return level, missing, missing, rate
    low, middle, high = (12 * np.log2(np.percentile(voiced, [10, 50, 90]) / _REFERENCE_HZ)).tolist()
    return level, middle, high - low, rate
