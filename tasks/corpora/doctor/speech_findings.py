"""Utterances that are nearly without speech, and noisy ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tasks.corpora.doctor.findings import Complaint, SpeechSummary, complaint, many

LEAST_SPEECH_SHARE = 0.1
LEAST_SPEECH_S = 0.2
"""About the duration of a syllable."""
NOISY_DB = 5.0
"""For comparison: the noisiest clips of RAVDESS and TESS (studios) have 21 and 10 dB, and 95 % have 30 dB or more."""


def summary(signals: Iterable[Mapping[str, Any]]) -> SpeechSummary:
    """Return the distributions of speech and noise, and the utterances to listen to.

    Args:
        signals: rows of `tables.SIGNALS`; those without a share of speech are left out
    """
    rows = [row for row in signals if row.get("speech_share") is not None]
    voiced = [row for row in rows if row["snr_db"] is not None]
    by_speech = sorted(rows, key=lambda row: (row["speech_share"], row["utterance_id"]))
    by_noise = sorted(voiced, key=lambda row: (row["snr_db"], row["utterance_id"]))
    return SpeechSummary(
        tuple(row["speech_share"] for row in by_speech),
        tuple(row["snr_db"] for row in by_noise),
        tuple(f"{row['utterance_id']} ({_speech(row)})" for row in by_speech if _is_nearly_empty(row)),
        tuple(f"{row['utterance_id']} ({_ratio(row['snr_db'])})" for row in by_noise if row["snr_db"] < NOISY_DB),
    )


def complaints(speech: SpeechSummary) -> Iterator[Complaint]:
    """Yield complaints about utterances nearly without speech, and about noisy ones.

    Args:
        speech: of a corpus, without what is silent
    """
    n_empty, n_noisy = len(speech.empty), len(speech.noisy)
    yield from complaint(
        "nearly empty", "warning", speech.empty,
        f"{many(n_empty, 'utterance has', 'utterances have')} less than {LEAST_SPEECH_S:g} s of speech, or speech in "
        f"less than {LEAST_SPEECH_SHARE:.0%} of the time.",
        "Listen to the worst: their times may be wrong, or the sound may be music or noise; leave these out.",
    )  # fmt: skip
    yield from complaint(
        "noisy", "warning", speech.noisy,
        f"{many(n_noisy, 'utterance has', 'utterances have')} a signal-to-noise ratio below {NOISY_DB:g} dB.",
        "Listen to the worst. Keep them if noise belongs to the task; compare scores with and without them.",
    )  # fmt: skip


def _is_nearly_empty(row: Mapping[str, Any]) -> bool:
    return bool(row["speech_share"] < LEAST_SPEECH_SHARE or row["speech_s"] < LEAST_SPEECH_S)


def _speech(row: Mapping[str, Any]) -> str:
    return f"{row['speech_s']:.2f} s of speech" if row["speech_s"] else "no speech"


def _ratio(snr_db: float) -> str:
    return f"{snr_db:.1f} dB".replace("-", "−")
