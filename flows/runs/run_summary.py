"""Summary of a flow run for its state message: what changed in videos and scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from flows.runs import experiment_results
from tasks.core import paths, tables
from tasks.core.errors import UndertoneError
from tasks.pages.common import score_text

_MAX_EXPERIMENTS = 10
_EXPERIMENT = "experiment@"


@dataclass(frozen=True)
class Headline:
    """An experiment's headline score: the name of the measure and the value, None if it is undefined."""

    measure: str
    value: float | None

    def __str__(self) -> str:
        return f"{self.measure} {self.shown}"

    @property
    def shown(self) -> str:
        """The value as it is shown; values that look the same count as unchanged."""
        return "–" if self.value is None else f"{self.value:.3f}"


@dataclass(frozen=True)
class Snapshot:
    """Videos, rejected items and scores that a run's summary compares.

    Attributes:
        videos: ids of the fetched videos; None if the run does not crawl
        rejected: ids of the listed videos that the crawl rejected
        scores: experiment → its headline score; experiments without results are missing
    """

    videos: frozenset[str] | None = None
    rejected: frozenset[str] = frozenset()
    scores: Mapping[str, Headline] = field(default_factory=dict)


def snapshot(stages: Collection[str]) -> Snapshot:
    """Read what the summary compares from the files of a run's stages; missing and unreadable files count as empty.

    Args:
        stages: of the run
    """
    videos: frozenset[str] | None = None
    rejected = frozenset[str]()
    if "crawl" in stages:
        try:
            videos = frozenset(tables.read(paths.VIDEOS, tables.VIDEOS)["video_id"].to_pylist())
            rejected = frozenset(tables.read(paths.rejected("crawl"), tables.REJECTED)["item"].to_pylist())
        except (UndertoneError, OSError):
            videos = videos or frozenset()
    names = [stage.removeprefix(_EXPERIMENT) for stage in stages if stage.startswith(_EXPERIMENT)]
    return Snapshot(videos, rejected, {name: score for name in names if (score := _headline(name)) is not None})


def changes(before: Snapshot, after: Snapshot) -> str:
    """Return what changed between two snapshots in words; an empty text if nothing did.

    Args:
        before: at the start of the run
        after: at its end
    """
    return "; ".join(part for part in (_videos(before, after), _scores(before.scores, after.scores)) if part)


def message(before: Snapshot, after: Snapshot, *, n_run: int, n_current: int) -> str:
    """Return the state message of a completed run: what changed, and how many stages ran.

    Args:
        before: at the start of the run
        after: at its end
        n_run: the number of stages that ran
        n_current: the number of stages that were current
    """
    counts = f"{n_run} {'stage' if n_run == 1 else 'stages'} run, {n_current} current"
    watched = [
        *(["videos"] if after.videos is not None else []),
        *(["scores"] if after.scores or before.scores else []),
    ]
    if not n_run:
        return f"nothing changed; {counts}"
    unchanged = f"{' and '.join(watched)} unchanged" if watched else ""
    return "; ".join(filter(None, (changes(before, after) or unchanged, counts)))


def _videos(before: Snapshot, after: Snapshot) -> str:
    if after.videos is None:
        return ""
    earlier = before.videos or frozenset()
    counts = (
        ("+{} videos", len(after.videos - earlier)),
        ("−{} videos", len(earlier - after.videos)),
        ("{} rejected", len(after.rejected - before.rejected)),
    )
    return ", ".join(_counted(text, n) for text, n in counts if n)


def _counted(text: str, n: int) -> str:
    return (text[:-1] if n == 1 and text.endswith("s") else text).format(f"{n:,}")


def _scores(before: Mapping[str, Headline], after: Mapping[str, Headline]) -> str:
    parts = []
    for name, score in after.items():
        earlier = before.get(name)
        if earlier is None:
            change = f"new: {score}"
        elif earlier.measure != score.measure:
            change = f"{earlier} → {score}"
        elif earlier.shown != score.shown:
            change = f"{score.measure} {earlier.shown} → {score.shown}"
        else:
            continue
        parts.append(change if len(after) == 1 else f"{name}: {change}")
    if len(parts) > _MAX_EXPERIMENTS:
        parts[_MAX_EXPERIMENTS:] = [f"{len(parts) - _MAX_EXPERIMENTS} more experiments"]
    return "; ".join(parts)


def _headline(name: str) -> Headline | None:
    results = experiment_results.read(name)
    if results is None:
        return None
    measure = score_text.headline(results)
    shown = score_text.NAMES[measure]
    # within a sentence; abbreviations keep their capitals
    shown = shown if shown.isupper() else shown[0].lower() + shown[1:]
    return Headline(shown, results["scores"][measure]["value"])
