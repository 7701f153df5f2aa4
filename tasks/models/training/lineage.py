"""What a training run came from, told to whoever tracks it: settings, seed, inputs, revision, hashes of features."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.models.base.estimator import Task
from tasks.models.training.settings import TrainingSettings

_LOCK, _STAGE, _FEATURES = "dvc.lock", "extract@", "data/extract/"


def told(
    settings: TrainingSettings, seed: int, task: Task, described: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Return hyper-parameters for a logger, each a number, a text, or a list as text.

    Args:
        settings: of the network and its training
        seed: of everything that chance decides
        task: what the network learns
        described: `outputs`; and `inputs`: block → a digest of its content
        folder: of the project

    Returns:
        settings under their own names; `seed`, `task`, `outputs`; `inputs.BLOCK`; `git_revision`, of a folder under
        git; and `dvc.PATH`: the hash of each set of features that DVC has recorded
    """
    plain = {name: value if isinstance(value, int | float | str) else str(value) for name, value in _flat(settings)}
    found = plain | {"seed": seed, "task": task, "outputs": ", ".join(map(str, described["outputs"]))}
    found |= {f"inputs.{block}": str(digest) for block, digest in described["inputs"].items()}
    head = revision(folder)
    found |= {"git_revision": head} if head else {}
    return found | {f"dvc.{path}": hashed for path, hashed in features(folder).items()}


def revision(folder: Path) -> str | None:
    """Return the commit that a folder is at; None: it is not under git, or git is not installed."""
    git = ["git", "-C", str(folder), "rev-parse", "--verify", "HEAD"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def features(folder: Path) -> dict[str, str]:
    """Return path → hash of the sets of features in a project's dvc.lock; none without one that can be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        lock = YAML(typ="safe").load(folder / _LOCK)
    except (OSError, YAMLError):
        return {}
    stages = lock.get("stages") if isinstance(lock, Mapping) else None
    return dict(sorted(_outs(stages or {})))


def _outs(stages: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, stage in stages.items():
        for one in stage.get("outs", ()) if name.startswith(_STAGE) else ():
            if str(one.get("path", "")).startswith(_FEATURES) and "md5" in one:
                yield str(one["path"]), str(one["md5"])


def _flat(settings: TrainingSettings) -> Iterator[tuple[str, Any]]:
    """Yield settings by name; those of nested ones by `OUTER.INNER`."""
    waiting = list(asdict(settings).items())
    while waiting:
        name, value = waiting.pop(0)
        if isinstance(value, Mapping):
            waiting[:0] = [(f"{name}.{inner}", one) for inner, one in value.items()]
        else:
            yield name, value
