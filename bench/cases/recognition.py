"""Speech recognition of interviews by the stage transcribe, compared with WhisperX: the same weights in 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench import real_data
from bench.measurements import Measurement, OutputComparison
from bench.runner import OURS, Bench, Skipped, speedup, whisperx_python
from bench.side import Prepared, RunSpec

_CHECKPOINT, _PEER = "whisper-base", "WhisperX"
_MOST_DIFFERENT = 0.3
"""Word errors of one against the other: both err, and they cut the sound at different pauses."""


def measure(bench: Bench) -> list[Measurement]:
    """Compare on two minutes of interviews, on one core."""
    from tasks.text import word_errors
    from tasks.weights import store

    if not store.is_here(_CHECKPOINT):
        raise Skipped(store.missing(_CHECKPOINT))
    try:
        import faster_whisper  # noqa: F401
    except ImportError:
        raise Skipped("faster-whisper is not installed; make env EXTRAS=asr,dev") from None
    whisperx_python()
    duration_s = bench.size(120, 20)
    speech, weights = real_data.speech(bench, duration_s), str(store.folder(_CHECKPOINT))
    pairs = bench.alternate(
        RunSpec(OURS, "bench.cases.recognition:ours", {"sound": str(_written(speech)), "weights": weights}),
        RunSpec(
            _PEER,
            "bench.peers.recognition:whisperx",
            {"sound": str(speech), "weights": weights},
            environment="whisperx",
        ),
    )
    mine, theirs = (word_errors.normalised(runs[-1].summary) for runs in (pairs.ours, pairs.theirs))
    rate = word_errors.n_errors(theirs, mine) / max(1, len(theirs))
    agreement = OutputComparison(
        rate <= _MOST_DIFFERENT,
        f"{len(mine)} words against {len(theirs)}, {rate:.0%} differ (at most {_MOST_DIFFERENT:.0%})",
    )
    what = f"{duration_s} s of interviews to words by Whisper base in 8 bits, 1 core"
    return [speedup("recognition", what, pairs, peer=_PEER, target=None, agreement=agreement)]


def _written(speech: Path) -> Path:
    import soundfile

    sound = speech.with_suffix(".flac")
    if not sound.is_file():
        soundfile.write(sound, np.load(speech), real_data.RATE_HZ)
    return sound


def ours(sound: str, weights: str) -> Prepared:
    """Prepare our side: the function of the stage transcribe, with its default settings.

    Args:
        sound: FLAC file
        weights: folder of the model in CTranslate2's format
    """
    from tasks.captions import recognition, recognition_model
    from tasks.core.config import Transcribe

    rules = recognition.RecognitionRules.of(Transcribe(language="en"))
    recogniser = recognition_model.load(Path(weights), rules.beam, rules.least_speech)
    return Prepared(
        timed=lambda: recognition.recognise(Path(sound), recogniser, rules),
        summary=lambda speech: " ".join(passage.text for passage in speech.passages),
    )
