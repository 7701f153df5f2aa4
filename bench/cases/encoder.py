"""A pretrained speech encoder over real clips, compared with transformers as its documentation uses it.

transformers' feature extractor pads every clip to 30 s, Whisper's input in recognition; the hidden states that emotion
recognition pools then include those of the padding. undertone encodes a clip's own frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench import real_data
from bench.measurements import Bound, Measurement, OutputComparison
from bench.runner import OURS, Bench, Skipped, seconds, speedup
from bench.side import Prepared, RunSpec

TARGET, REAL_TIME = 2.0, 40.0
_CHECKPOINT, _PEER, _REAL_TIME = "whisper-base", "transformers", "real time"
_SEGMENT_S = (2.0, 15.0)
_LEAST_COSINE = 0.999
"""Of our states and those of transformers over the same frames, without padding."""
_SEED = 11


def measure(bench: Bench) -> list[Measurement]:
    """Compare on clips of RAVDESS and segments of interviews, on one core."""
    from tasks.weights import store

    if not store.is_here(_CHECKPOINT):
        raise Skipped(store.missing(_CHECKPOINT))
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError:
        raise Skipped("transformers is not installed; make env EXTRAS=deep,dev") from None
    path = bench.folder / "encoder-sounds.npz"
    duration_s = _write_sounds(str(path), bench)
    pairs = bench.alternate(
        RunSpec(OURS, "bench.cases.encoder:ours", {"sounds": str(path)}),
        # in our environment, which has it for other encoders: no second PyTorch is needed
        RunSpec(
            _PEER,
            "bench.peers.encoder:transformers_encoder",
            {"sounds": str(path), "folder": str(store.folder(_CHECKPOINT))},
        ),
    )
    cosine = least_cosine(np.array(pairs.ours[-1].summary), np.array(pairs.theirs[-1].summary))
    agreement = OutputComparison(
        cosine >= _LEAST_COSINE,
        f"cosine of the mean states of a clip's own frames at least {cosine:.4f} (at least {_LEAST_COSINE})",
    )
    what = f"Whisper base, mean of the last layer: {duration_s:.0f} s of clips and segments, 1 core"
    own = seconds(pairs.ours)
    rates = tuple(duration_s / time_s for time_s in own)
    times_s = {OURS: own, _REAL_TIME: (duration_s,) * len(own)}
    return [
        speedup("encoder", what, pairs, peer=_PEER, target=TARGET, agreement=agreement),
        Measurement("encoder rate", what, "times faster", rates, Bound(REAL_TIME), times_s),
    ]


def _write_sounds(path: str, bench: Bench) -> float:
    """Write clips of RAVDESS and segments of interviews, int16 at 16 kHz; return their duration in seconds."""
    import soundfile

    rng = np.random.default_rng(_SEED)
    clips = sorted((real_data.folder() / "ravdess").rglob("*.flac"))
    n_clips, n_segments = bench.size(40, 2), bench.size(20, 1)
    chosen = [clips[k] for k in rng.choice(len(clips), n_clips, replace=False)]
    sounds = [soundfile.read(clip, dtype="int16", always_2d=True)[0][:, 0] for clip in chosen]
    speech = np.load(real_data.speech(bench, bench.size(600, 20)))
    for _ in range(n_segments):
        length = round(rng.uniform(*_SEGMENT_S) * real_data.RATE_HZ)
        start = int(rng.integers(speech.size - length))
        sounds.append(speech[start : start + length])
    np.savez(path, *sounds)
    return float(sum(sound.size for sound in sounds) / real_data.RATE_HZ)


def ours(sounds: str) -> Prepared:
    """Prepare our side: the extractor `speech-embedding` with Whisper's encoder.

    Args:
        sounds: .npz file of int16 samples at 16 kHz
    """
    from tasks.features.base.extractor import Sound
    from tasks.features.sound import speech_encoder

    extractor = next(entry for entry in speech_encoder.EXTRACTORS if entry.name == "speech-embedding")
    extract = extractor.start(extractor.settings(checkpoint=_CHECKPOINT))
    with np.load(sounds) as arrays:
        batch = [
            Sound((samples / np.float32(32_768)).astype(np.float32), real_data.RATE_HZ) for samples in arrays.values()
        ]
    return Prepared(
        timed=lambda: extract(batch),
        warm_up=lambda: extract(batch[:1]),
        summary=lambda vectors: [vector.tolist() for vector in vectors],
    )


def least_cosine(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Return the least cosine of rows that belong together.

    Args:
        mine: shape (n_rows, n_features)
        theirs: same shape
    """
    lengths = np.linalg.norm(mine, axis=1) * np.linalg.norm(theirs, axis=1)
    cosines: NDArray[np.float64] = np.sum(mine * theirs, axis=1) / lengths
    return float(cosines.min())
