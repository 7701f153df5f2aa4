"""Lineage of results: revisions of the code, versions of libraries, hashes of inputs and outputs."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flows.runs.markdown_text import code, escaped
from tasks.core import distribution
from tasks.core.code_version import IN_WHEEL, ROOT

_LIBRARIES = (
    distribution.NAME, "prefect", "dvc", "yt-dlp", "pyAudioAnalysis", "vaderSentiment", "textblob", "afinn",
    "numpy", "scipy", "scikit-learn", "imbalanced-learn", "onnxruntime", "pyarrow",
)  # fmt: skip


def markdown(recorded: Mapping[str, Any], stages: Sequence[str]) -> str:
    """Return the lineage of stages as Markdown.

    Args:
        recorded: the entries of dvc.lock by stage
        stages: the stages to include
    """
    lines = [
        f"Code: {_code()}. Project: {revision(Path())}. Python {platform.python_version()}.",
        "",
        ", ".join(f"{name} {number}" for name in _LIBRARIES if (number := _version(name))),
        "",
        "| stage | | path | hash | bytes |",
        "| --- | --- | --- | --- | ---: |",
    ]
    for stage in stages:
        lines += [_row(stage, kind, entry) for kind, entry in _entries(recorded.get(stage, {}))]
    return "\n".join(lines) + "\n"


def _code() -> str:
    # a wheel may lie below a repository of the user's
    return f"wheel {distribution.NAME} {distribution.version()}" if IN_WHEEL else revision(ROOT)


def revision(folder: Path) -> str:
    """Return the git revision of a folder, marked if tracked files have changes.

    Args:
        folder: a folder of the work tree
    """
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return "not under git"
    return f"`{head.strip()}`{' with changes' if changes else ''}"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603


def _entries(stage: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(kind, entry) for kind, side in (("in", "deps"), ("out", "outs")) for entry in stage.get(side, ())]


def _row(stage: str, kind: str, entry: Mapping[str, Any]) -> str:
    digest = f"`{entry['md5']}`" if "md5" in entry else ""
    return f"| {escaped(stage)} | {kind} | {code(entry['path'])} | {digest} | {entry.get('size', '')} |"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
