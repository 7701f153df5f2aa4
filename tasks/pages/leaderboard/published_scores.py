"""Published scores to show beside experiments, read from `published_scores.yaml`, which explains its keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from tasks.core import yaml_files
from tasks.experiments.targets import INTENSITIES, NATIVE, SEVERAL
from tasks.features.base.settings import settings_of

FILE = Path(__file__).with_suffix(".yaml")
Metric = Literal[
    "accuracy", "uar", "weighted_f1", "macro_f1", "micro_f1", "acc2", "acc7", "mae", "correlation", "not stated"
]


class PublishedScore(NamedTuple):
    """A published score; a range reaches from `value` to `up_to`."""

    corpus: str
    target: str
    source: str
    protocol: str
    leaky: bool | None
    system: str
    metric: Metric
    value: float
    up_to: float | None


@dataclass(frozen=True)
class Publication:
    """An entry of the file: a source's scores on a corpus and a target under a protocol, by system and metric."""

    corpus: str
    target: str
    source: str
    protocol: str
    leaky: bool | None
    scores: dict[str, dict[Metric, float | tuple[float, float]]]


@cache
def scores(path: Path = FILE) -> tuple[PublishedScore, ...]:
    """Return all scores; those of the systems that undertone reimplements come last.

    Args:
        path: the file

    Raises:
        ConfigError: if an entry has an unknown key, or lacks one, or a value has the wrong type; names the entry's line
    """
    document = yaml_files.read(path)
    entries = [settings_of(Publication, e, f"{path}:{document.line([k])}") for k, e in enumerate(document.content)]
    return tuple(
        PublishedScore(
            of.corpus, of.target, of.source, of.protocol, of.leaky, system, metric,
            *(score if isinstance(score, tuple) else (score, None)),
        )
        for of in entries
        for system, by_metric in of.scores.items()
        for metric, score in by_metric.items()
    )  # fmt: skip


def beside(corpus_reader: str, target: str) -> tuple[PublishedScore, ...]:
    """Return the published scores on a corpus and a target.

    Args:
        corpus_reader: name of the corpus's reader, such as `meld`
        target: as recipes have it, such as `emotion`; a corpus's own codes are those of emotions, and intensities are
            scored as several emotions, too
    """
    target = {NATIVE: "emotion", INTENSITIES: SEVERAL}.get(target, target)
    return tuple(entry for entry in scores() if entry.corpus == corpus_reader and entry.target == target)
