"""Paths of all stages' files, relative to the project folder; `dvc.yaml` declares the same paths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

PARAMS = Path("params.yaml")
DATA = Path("data")

CRAWL = DATA / "crawl"
MEDIA = CRAWL / "media"
VIDEOS = CRAWL / "videos.parquet"
WORDS = DATA / "transcribe" / "words.parquet"
RECOGNISED = DATA / "transcribe" / "videos.parquet"
CAPTIONS = DATA / "captions"
UTTERANCES = CAPTIONS / "utterances.parquet"
SPEAKERS = DATA / "speakers"
SPEAKER_OF = SPEAKERS / "speakers.parquet"
SPEAKER_TURNS = SPEAKERS / "turns.parquet"
SPEAKER_VOICES = SPEAKERS / "voices.parquet"
POLARITY = DATA / "polarity"
VOTES = POLARITY / "votes.parquet"
COMBINATION = POLARITY / "combination.json"
VOTERS = DATA / "voters"
RATED = DATA / "rated"
"""Files of rated texts that a combination is selected and trained on."""
TUNED = RATED / "threshold.json"
"""The threshold that `undertone labels tune` proposed last, and the rows it was chosen on."""
LABELS = DATA / "labels" / "results.json"
LABEL_METRICS = DATA / "labels" / "metrics.json"
CURVE = DATA / "labels" / "curve.csv"
SEGMENTS = DATA / "segments"
SEGMENT_INDEX = SEGMENTS / "index.parquet"
SHARDS = SEGMENTS / "shards"
INTERVIEWS = DATA / "interviews" / "utterances.parquet"
AUDIT = DATA / "audit" / "findings.json"
REPORT = DATA / "report" / "index.html"
LISTENERS = DATA / "listeners"
ANNOTATED = LISTENERS / "annotated.csv"
RATING_STORE = DATA / "annotate" / "votes.sqlite"
LEADERBOARD = DATA / "leaderboard" / "index.html"
CODE_DIGESTS = DATA / "code" / "digests.json"

STATE = Path(".undertone")
MEMO = STATE / "memo"
LOCKS = STATE / "locks"
TALLY = STATE / "tally"
DOWNLOADS = STATE / "downloads"
CODE_VERSIONS = STATE / "code.json"
KEPT_SHARDS = STATE / "shards.json"
CRAWL_LOG = STATE / "crawl-log.jsonl"
SITE = STATE / "site"
CORPORA = STATE / "corpora"
STORE = STATE / "store"
"""Default store of runs on Dask, for machines that share the project folder."""
CHECKPOINTS = STATE / "checkpoints"
"""Pretrained models converted to safetensors, and small ones with random weights."""
SIMULATED = "SIMULATED"
"""A file of this name in a corpus folder marks a corpus that undertone generated."""
OUTSIDE = STATE / "outside"
"""On a worker without the project folder: copies of files outside of it, such as those of a corpus."""
_copies: ContextVar[tuple[Path, Path] | None] = ContextVar("_copies", default=None)


@contextmanager
def copied(project: Path, folder: Path) -> Iterator[None]:
    """Read copies of the project's files, and of files outside of it, in this block and thread.

    Args:
        project: the project folder on the machine of the run
        folder: absolute path of the folder with the copies; they lie in it as in the project folder
    """
    token = _copies.set((project, folder))
    try:
        yield
    finally:
        _copies.reset(token)


def local(path: Path) -> Path:
    """Return where this process reads a file: the path itself, or that of its copy.

    Args:
        path: relative to the project folder, or absolute
    """
    if (copies := _copies.get()) is None or not path.is_absolute():
        return path
    project, folder = copies
    return folder / (path.relative_to(project) if path.is_relative_to(project) else OUTSIDE / path.relative_to("/"))


def of_the_run(path: Path) -> Path:
    """Return the absolute path that a file of the project has on the machine of the run: the inverse of `local`.

    Args:
        path: relative to the project folder
    """
    return path.resolve() if (copies := _copies.get()) is None else copies[0] / path


def rejected(stage: str) -> Path:
    """Return the path of a stage's table of rejected items."""
    return folder(stage) / "rejected.parquet"


def folder(stage: str) -> Path:
    """Return the folder of a stage's outputs: `data/corpus/tess` for `corpus@tess`."""
    return DATA.joinpath(*stage.split("@"))


def utterances(corpus: str) -> Path:
    """Return the path of a corpus's utterance table."""
    return folder(f"corpus@{corpus}") / "utterances.parquet"


def unlabelled(corpus: str) -> Path:
    """Return the path of a corpus's utterance table without labels."""
    return folder(f"corpus@{corpus}") / "unlabelled.parquet"


def sounds(corpus: str) -> Path:
    """Return the path of the table of a corpus's sound measurements."""
    return folder(f"corpus@{corpus}") / "sounds.parquet"


def signals(corpus: str) -> Path:
    """Return the path of the table of sound measurements that only the corpus doctor needs."""
    return folder(f"corpus@{corpus}") / "signals.parquet"


def pictures(corpus: str) -> Path:
    """Return the path of the table of a corpus's videos."""
    return folder(f"corpus@{corpus}") / "pictures.parquet"


def reading(corpus: str) -> Path:
    """Return the path of the record of reading a corpus: title, licence, counts and repairs."""
    return folder(f"corpus@{corpus}") / "reading.json"


def features(corpus: str, name: str) -> Path:
    """Return the folder of a feature set."""
    return DATA / "extract" / corpus / name


def experiment(name: str) -> Path:
    """Return the folder of an experiment's results."""
    return folder(f"experiment@{name}")


def cost(name: str) -> Path:
    """Return the path of an experiment's training time and memory, which differ from run to run: no output of DVC's."""
    return STATE / "cost" / f"{name}.json"


def inputs(name: str) -> Path:
    """Return the path of the digests of an experiment's feature sets."""
    return folder(f"inputs@{name}") / "digests.json"


def page(name: str) -> Path:
    """Return the path of an experiment's page."""
    return folder(f"page@{name}") / "index.html"


def robustness(name: str) -> Path:
    """Return the path of an experiment's scores on altered sound; they are measured on request."""
    return folder(f"robustness@{name}") / "robustness.json"


def fingerprint(name: str) -> Path:
    """Return the path of a checkpoint's fingerprint."""
    return folder(f"checkpoint@{name}") / "fingerprint.json"
