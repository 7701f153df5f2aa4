"""Git history of a project: every version of dvc.lock, and commits that mention a name."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from flows.project import atomic_records

_MAX_COMMITS = 50


def lock_versions(root: Path) -> Iterator[dict[str, Any]]:
    """Yield the stages of every version of the project's dvc.lock files: those on disk, and those of all commits.

    Args:
        root: the project folder
    """
    for path in atomic_records.lock_files(root):
        yield _stages(path.read_text(encoding="utf-8", errors="replace"))
    objects = _git(root, "rev-list", "--all", "--objects", "--", "*dvc.lock")
    blobs = {line.partition(" ")[0] for line in objects.splitlines() if line.endswith("dvc.lock")}
    for blob in sorted(blobs):
        yield _stages(_git(root, "cat-file", "blob", blob))


def mentions(root: Path, words: Collection[str]) -> dict[str, list[str]]:
    """Return the files of all commits whose history adds or removes one of some words, with the commits.

    Args:
        root: the project folder
        words: names, ids and addresses

    Returns:
        path → short commit ids, the newest first; at most 50 commits for each word
    """
    files: dict[str, list[str]] = {}
    for word in sorted(words):
        log = _git(
            root, "log", "--all", "--format=commit %h", "--name-only", f"-n{_MAX_COMMITS}", f"-S{word}", "--", "."
        )
        commit = ""
        for line in filter(None, log.splitlines()):
            if line.startswith("commit "):
                commit = line.removeprefix("commit ")
            elif commit not in files.setdefault(line, []):
                files[line].append(commit)
    return files


def state(root: Path) -> dict[str, Any]:
    """Return the revision of a folder's repository (None without git), and its tracked files that were changed.

    Args:
        root: a folder of the work tree
    """
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".").splitlines()
    return {
        "revision": _git(root, "rev-parse", "HEAD").strip() or None,
        "changed": sorted(line[3:] for line in changed),
    }


def tracked(root: Path) -> set[Path]:
    """Return the files that git tracks, relative to the project folder; none without git.

    Args:
        root: the project folder
    """
    listed = _git(root, "ls-files", "-z", "--", ".")
    return {Path(name) for name in listed.split("\0") if name}


def _stages(text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe").load(text)
    except YAMLError:
        return {}
    stages = content.get("stages") if isinstance(content, dict) else None
    return stages if isinstance(stages, dict) else {}


def _git(root: Path, *arguments: str) -> str:
    """Return the output of a git command; empty without git, or outside a repository."""
    command = ["git", "-C", str(root), "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.decode("utf-8", errors="replace")
