"""Stages whose outputs hold or derive from removed data, and the files that go with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tasks.core import memo, paths
from tasks.core.forgotten import LISTENER
from tasks.core.pipeline_file import PipelineStage
from tasks.on_demand.forgetting.subject import Subject

REWRITTEN = ("crawl",)
"""Stages of whose outputs only the files with the data are removed: everything else would have to be fetched again."""
_RATED = ("interviews", "labels", "polarity")
_TRAINED = ("experiment", "price", "robustness", "page", "inputs")


def starts(subject: Subject, stages: Collection[str]) -> set[str]:
    """Return the stages that read a subject's data first.

    Args:
        subject: whose data
        stages: names of stages
    """
    wanted = {f"corpus@{name}" for name in subject.corpora}
    wanted |= set(REWRITTEN) if subject.videos else set()
    wanted |= set(_RATED) if subject.kind == LISTENER else set()
    return wanted & set(stages)


def downstream(stages: Mapping[str, PipelineStage], first: Iterable[str]) -> tuple[str, ...]:
    """Return some stages and all that read an output of theirs, directly or not, in alphabetical order.

    Args:
        stages: of the project, by name
        first: names of the stages to begin with
    """
    affected = set(first)
    while True:
        written = [Path(out) for name in affected for out in stages[name].outputs]
        more = {
            name
            for name, stage in stages.items()
            if name not in affected and any(_overlap(Path(dep), out) for dep in stage.inputs for out in written)
        }
        if not more:
            return tuple(sorted(affected))
        affected |= more


def experiments(affected: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the experiments among some stages.

    Args:
        affected: names of stages
    """
    return tuple(name.partition("@")[2] for name in affected if name.startswith("experiment@"))


def outputs(affected: Collection[str], stages: Mapping[str, PipelineStage]) -> list[Path]:
    """Return what is to be removed of affected stages: their outputs, and folders of commands about them.

    Args:
        affected: names of stages
        stages: of the project, by name
    """
    chosen = set[Path]()
    for name in affected:
        if name in REWRITTEN:
            continue
        chosen |= {Path(out) for out in stages[name].outputs}
        if "/" not in name and "." not in name:
            # pages of the audit and the doctor lie beside a corpus's tables, tables of rejects beside features
            chosen.add(paths.folder(name))
    for name in experiments(affected):
        chosen |= {paths.folder(f"{word}@{name}") for word in _TRAINED} | {paths.cost(name)}
    # outermost folders only
    inner = {path for path in chosen for other in chosen if path != other and path.is_relative_to(other)}
    return sorted(path for path in chosen - inner if path.exists())


def is_of_removed_model(entry: memo.Entry, affected: Collection[str], stages: Collection[str]) -> bool:
    """Return whether an entry of the memo is a fit of an affected experiment, or of one that params.yaml lost.

    Args:
        entry: of the memo
        affected: names of stages
        stages: of all stages
    """
    word, at, name = entry.stage.partition("@")
    if not at or word not in _TRAINED:
        return False
    return f"experiment@{name}" in affected or f"experiment@{name}" not in stages


def _overlap(dep: Path, out: Path) -> bool:
    return dep == out or dep.is_relative_to(out) or out.is_relative_to(dep)
