"""Hashes of the inputs and outputs of stages as they are on disk, and their parameters."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from flows.project import dvc_repo


def read(root: Path, stages: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the state of stages: `inputs` and `outputs`, path → hash or None, and `params`, file → name → value.

    Args:
        root: the project folder
        stages: their names, in order
    """
    from dvc.dependency.param import ParamsDependency

    repo, states = dvc_repo.opened(root), dict[str, dict[str, Any]]()
    try:
        for name in stages:
            (definition,) = repo.stage.collect(name)
            inputs, params = dict[str, str | None](), dict[str, dict[str, Any]]()
            for dep in definition.deps:
                if isinstance(dep, ParamsDependency):
                    params[dep.def_path] = dict(dep.read_params())
                else:
                    inputs[dep.def_path] = _hash(dep)
            outputs = {out.def_path: _hash(out) for out in definition.outs}
            states[name] = {"inputs": inputs, "outputs": outputs, "params": params}
    finally:
        repo.close()
    return states


def pull(root: Path, stage: str) -> str:
    """Fetch the outputs of a stage that dvc.lock records, from DVC's cache or the default remote; say what happened.

    Args:
        root: the project folder
        stage: its name
    """
    from dvc.exceptions import DvcException

    repo = dvc_repo.opened(root)
    try:
        if not repo.config["core"].get("remote"):
            repo.checkout(targets=[stage], force=True)
            return "taken from DVC's cache"
        repo.pull(targets=[stage], force=True)
        return f"fetched from the remote {repo.config['core']['remote']}"
    except (DvcException, OSError) as error:
        return f"could not be fetched ({' '.join(str(error).split())[:200]})"
    finally:
        repo.close()


def _hash(entry: Any) -> str | None:
    if not entry.exists:
        return None
    value = entry.get_hash().value
    return None if value is None else str(value)
