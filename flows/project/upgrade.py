"""Bring a project folder up to date with the version of undertone that runs in it.

A shipped file that equals its record (`flows.project.shipped`) was not edited and is replaced by this version's. An
edited one is merged (`flows.project.merge`); if that is not possible, nothing is written and the error lists the
conflicts. params.yaml only gets the keys it lacks (`flows.project.parameters`). Files of projects without records are
recognised by digest, or merged from version 0.1.0.

Files are replaced one by one, each before its record, so that a killed upgrade is finished by the next one.
"""

from __future__ import annotations

import errno
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from flows.project import dvc_repo, merge, parameters, shipped
from tasks.core import locks, memo, paths, yaml_files
from tasks.core.code_version import ROOT
from tasks.core.config import Config, load
from tasks.core.errors import ConfigError, InputError, UndertoneError

REPLACED = paths.STATE / "before-upgrade"
"""Edited files as they were before the last merge; with another ending, since DVC reads every dvc.yaml."""

Edits = Literal["merge", "keep", "discard"]
_DAG_FILES = ("*.yaml", "*.json", "*.toml", "*/dvc.yaml", "*/params.yaml")
"""Files that DVC may read to build the graph: stages, parameters and variables."""
_BETWEEN_STAGES = re.compile(r"\n\n+(?=  \S)")
_LAST_OF_STAGE = re.compile(r"^(  (?!#).*\n)(?=(?:  #.*\n)*  [^\s#-])", re.MULTILINE)
_EARLIER_COMMAND = re.compile(r"\bpython -m tasks(?=\s)")
"""Command of stages before version 0.2.0; `tasks` can be imported in a checkout only."""
_COMMAND = "python -m undertone"
_RECORDED_COMMAND = re.compile(r"^(  (?P<stage>[^\s:]+):\n    cmd: )(?P<command>.+(?:\n      .+)*)$", re.MULTILINE)
_MOST_PLACES = 20
_WAIT_S = 3600.0


@dataclass
class _Plan:
    """The files an upgrade will write; it writes none before it has checked all."""

    files: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


def bring_up_to_date(folder: Path, report: Callable[[str], None], *, edits: Edits = "merge") -> None:
    """Update the shipped files of a project and its note of the code; do nothing where they are up to date.

    Args:
        folder: the project; a clone of undertone, or a DVC project of another kind, is left alone
        report: receives one line per change
        edits: what to do with edited files: `merge` them, `keep` them as they are, or `discard` the edits

    Raises:
        InputError: if an edited dvc.yaml cannot be merged; nothing has been written then
        UndertoneError: if the folder cannot be written
        Busy: if stages run in the folder for longer than an hour
    """
    if not is_project(folder) or _is_current(folder):
        return
    try:
        # a stage that is running reads the files that are replaced here
        with locks.alone(memo.LOCK, "an upgrade", wait_s=_WAIT_S, waiting=report, folder=folder / paths.LOCKS):
            if not _is_current(folder):
                _upgrade(folder, report, edits)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE):
            raise
        raise UndertoneError(
            f"{folder.resolve()} must be updated for this version of undertone, but writing {error.filename or folder} "
            f"failed: {error.strerror}. Make the folder writable and run again"
        ) from error


def settings(report: Callable[[str], None] | None = None) -> Config:
    """Bring the project in the current folder up to date, and load its params.yaml.

    Args:
        report: receives one line per change; if None, they are written to standard error

    Raises:
        UndertoneError: if the project cannot be updated, or params.yaml cannot be used
    """
    bring_up_to_date(Path(), report or (lambda line: print(line, file=sys.stderr)))  # noqa: T201
    return load(paths.PARAMS)


def is_project(folder: Path) -> bool:
    """Return whether a folder was made by `undertone new`: it has records, a shipped dvc.yaml, or links to the code.

    Args:
        folder: any folder; a clone of undertone itself is no project
    """
    dag = folder / "dvc.yaml"
    if not (folder / ".dvc").is_dir() or not dag.is_file():
        return False
    if shipped.is_checkout(folder):
        return False
    linked = any((folder / name).is_symlink() for name in shipped.CODE_FOLDERS)
    noted = (folder / shipped.NOTE).is_file() or (folder / shipped.RECORDS).is_dir()
    return linked or noted or shipped.was_shipped("dvc.yaml", shipped.read(dag))


def _is_current(folder: Path) -> bool:
    return (
        not any((folder / name).is_symlink() for name in shipped.CODE_FOLDERS)
        and shipped.note_is_current(folder)
        and all(shipped.recorded(folder, name) == shipped.text(name) for name in shipped.COPIED)
    )


def _upgrade(folder: Path, report: Callable[[str], None], edits: Edits) -> None:
    for name in (*shipped.CODE_FOLDERS, shipped.NOTE, *shipped.COPIED):
        for part in folder.glob(f".{name}.*.part"):
            part.unlink()
    if (folder / "params.yaml").is_file():
        yaml_files.parse(yaml_files.read_text(folder / "params.yaml"), "params.yaml")
    plan = _Plan()
    for name in shipped.COPIED:
        mine = shipped.read(folder / name) if (folder / name).is_file() else None
        # a file that the user has deleted stays deleted
        if mine is not None and shipped.recorded(folder, name) != shipped.text(name) != mine:
            _plan_file(plan, folder, name, mine, edits)
    if plan.conflicts:
        raise InputError(_refusal(plan))
    shipped.link(folder, report)
    plan.notes += _retired_outputs(folder)
    has_own_stages = (folder / shipped.RECORDS).is_dir() or (folder / shipped.OWN.parent).exists()
    for name in plan.kept:
        shipped.write(folder / _put_away(name), shipped.read(folder / name))
    for name, text in plan.files.items():
        shipped.write(folder / name, text)
    plan.notes += _recorded_commands(folder)
    if not has_own_stages:
        shipped.create_own_stages(folder)
        plan.notes.append(f"{shipped.OWN}: made; stages of your own belong there (see docs/upgrading.md)")
    shipped.create_data_folders(folder)
    _keep_results(folder)
    for note in plan.notes:
        report(note)
    shipped.record(folder)


def _recorded_commands(folder: Path) -> list[str]:
    """Rewrite commands of an earlier version in dvc.lock, so that no stage reruns for its command; return a line on it.

    A stage whose command in dvc.yaml is still another, because the user keeps an edited file, is left as it is.
    """
    lock, dag = folder / "dvc.lock", folder / "dvc.yaml"
    if not lock.is_file() or not dag.is_file() or not _EARLIER_COMMAND.search(before := shipped.read(lock)):
        return []
    stages = yaml_files.parse(shipped.read(dag), "dvc.yaml").content["stages"]
    n_rewritten = 0

    def rewritten(entry: re.Match[str]) -> str:
        nonlocal n_rewritten
        new = _EARLIER_COMMAND.sub(_COMMAND, entry["command"])
        if new == entry["command"] or " ".join(new.split()) != _command(stages, entry["stage"]):
            return entry[0]
        n_rewritten += 1
        return entry[1] + new

    after = _RECORDED_COMMAND.sub(rewritten, before)
    if not n_rewritten:
        return []
    shipped.write(lock, after)
    return [f"dvc.lock: the commands of {n_rewritten} stages are now `{_COMMAND} …`; no stage reruns for that"]


def _command(stages: dict[str, Any], name: str) -> str:
    """Return the command that dvc.yaml has for a stage; nothing if it has no such stage."""
    base, _, key = name.partition("@")
    entry = stages.get(name, stages.get(base))
    definition = entry.get("do", entry) if isinstance(entry, dict) else {}
    return str(definition.get("cmd", "")).replace("${key}", key)


def _keep_results(folder: Path) -> None:
    """Copy results to results.json, where an earlier version had them in metrics.json: they are shown until a rerun."""
    data = folder / paths.DATA
    for before in (*data.glob("experiment/*/metrics.json"), data / "labels" / "metrics.json"):
        after = before.with_name("results.json")
        if before.is_file() and not after.exists():
            shipped.write(after, shipped.read(before))


def _retired_outputs(folder: Path) -> list[str]:
    """Return a line about outputs on disk of stages that an earlier version had; nothing without any."""
    before = shipped.recorded(folder, "dvc.yaml") or shipped.earlier_text("dvc.yaml") or ""
    retired = {path.parent for path in _outputs(before) - _outputs(shipped.text("dvc.yaml"))}
    present = sorted(str(path) for path in retired if (folder / path).is_dir())
    if not present:
        return []
    return [
        f"{', '.join(present)}: nothing makes or reads these folders any more; remove them, if you do not need them"
    ]


def _outputs(dag: str) -> set[Path]:
    """Return the outputs in the text of a dvc.yaml, but those of templates."""
    stages = yaml_files.parse(dag, "dvc.yaml").content["stages"].values()
    lists = [stage.get(kind, []) for stage in stages for kind in ("outs", "metrics", "plots")]
    return {Path(entry if isinstance(entry, str) else next(iter(entry))) for entries in lists for entry in entries}


def _plan_file(plan: _Plan, folder: Path, name: str, mine: str, edits: Edits) -> None:
    """Plan the new content of one file that differs from the shipped one."""
    base = shipped.recorded(folder, name)
    if name == "params.yaml":
        update = parameters.update(mine, base or shipped.earlier_text(name), shipped.text(name))
        plan.notes += update.notes
        if update.text != mine:
            plan.files[name] = update.text
    elif mine == base or (base is None and shipped.was_shipped(name, mine)):
        plan.files[name] = shipped.text(name)
        plan.notes.append(f"{name}: replaced by that of this version; it was not edited")
    elif edits == "keep":
        plan.notes.append(f"{name}: kept with your edits; taken as merged with this version")
    elif edits == "discard":
        plan.files[name] = shipped.text(name)
        plan.kept.append(name)
        plan.notes.append(f"{name}: replaced by that of this version; your file is now {_put_away(name)}")
    elif name.endswith(".yaml"):
        _plan_merge(plan, folder, name, mine, base or shipped.earlier_text(name))
    else:
        _plan_lines(plan, name, mine, base or shipped.earlier_text(name))


def _plan_merge(plan: _Plan, folder: Path, name: str, mine: str, base: str) -> None:
    result, text = _merge_texts(name, base, mine, shipped.text(name))
    if not result.conflicts and name == "dvc.yaml":
        result.conflicts.extend(_dvc_refuses(folder, {**plan.files, name: text}))
    if not result.conflicts:
        plan.files[name] = text
        plan.kept.append(name)
        plan.notes.append(
            f"{name}: merged with that of this version; your file is now {_put_away(name)}. Your edits:\n  "
            + ("\n  ".join(result.edits) if result.edits else "only comments or layout, which are lost")
        )
        if any(re.fullmatch(r"stages\.[^.]+: added", edit) for edit in result.edits):
            plan.notes.append(f"{name}: to merge less at the next upgrade, move stages of your own to {shipped.OWN}")
    elif name == "dvc.yaml":
        plan.conflicts += result.conflicts
    else:
        plan.notes.append(
            f"{name}: kept, since your edits conflict with the new {ROOT / name}; compare the two at "
            + ", ".join(conflict.splitlines()[0] for conflict in result.conflicts)
        )


def _plan_lines(plan: _Plan, name: str, mine: str, base: str) -> None:
    """Plan an edited file of patterns: lines that this version adds go to its end, lines that it drops are removed."""
    old, current, new = (text.splitlines() for text in (base, mine, shipped.text(name)))
    added = [line for line in new if line not in old and line not in current]
    dropped = [line for line in current if line in old and line not in new]
    if added or dropped:
        lines = [*(line for line in current if line not in dropped), *added]
        plan.files[name] = "".join(f"{line}\n" for line in lines)
        changes = [*(f"added {line}" for line in added), *(f"removed {line}" for line in dropped)]
        plan.notes.append(f"{name}: {', '.join(changes)}; your lines stay")


def _merge_texts(name: str, base: str, mine: str, new: str) -> tuple[merge.Merge, str]:
    """Merge one YAML file; return the result as a document and as text."""
    from ruamel.yaml.error import YAMLError

    yaml = _yaml()
    if name == "dvc.yaml":
        # the rest of an edited command is the user's
        base, mine = (_EARLIER_COMMAND.sub(_COMMAND, text) for text in (base, mine))
    # ruamel attaches a blank line to the item before it, which may go
    tight = _BETWEEN_STAGES.sub("\n", new) if name == "dvc.yaml" else new
    try:
        yaml_files.parse(mine, name, typed=False)
        documents = [yaml.load(text) for text in (base, mine, tight)]
    except (ConfigError, YAMLError) as error:
        return merge.Merge(None, conflicts=[" ".join(str(error).split())]), mine
    if not isinstance(documents[1], dict):
        return merge.Merge(None, conflicts=[f"{name} has no sections such as `stages:`"]), mine
    result = merge.merge(*documents)
    sink = StringIO()
    yaml.dump(result.document, sink)
    text = sink.getvalue()
    return result, _LAST_OF_STAGE.sub(r"\1\n", text) if name == "dvc.yaml" else text


def _dvc_refuses(folder: Path, files: dict[str, str]) -> list[str]:
    """Return why DVC cannot use new files beside the other ones of the project: nothing if it can."""
    from dvc.exceptions import DvcException

    with tempfile.TemporaryDirectory() as name:
        copy = Path(name).resolve()
        (copy / ".dvc").mkdir()
        (copy / ".dvc" / "config").write_text("[core]\n    no_scm = True\n", encoding="utf-8")
        for path in [path for pattern in _DAG_FILES for path in folder.glob(pattern)]:
            shipped.write(copy / path.relative_to(folder), shipped.read(path))
        for file, text in files.items():
            shipped.write(copy / file, text)
        try:
            _ = dvc_repo.opened(copy).index.graph
        except DvcException as error:
            return [f"the merged file cannot be used: {str(error).replace(f'{copy}/', '')}"]
    return []


def _refusal(plan: _Plan) -> str:
    more = len(plan.conflicts) - _MOST_PLACES
    return "\n".join(
        [
            "Your edits of dvc.yaml conflict with this version of undertone. Nothing was changed. The conflicts:",
            *plan.conflicts[:_MOST_PLACES],
            *([f"… and {more} more places"] if more > 0 else []),
            f"The shipped file: {ROOT / 'dvc.yaml'}. Do one of these:",
            "  - edit dvc.yaml so that these places are as you want them, then: undertone link --edits keep",
            f"  - take the shipped file, and move what you need to {shipped.OWN}: undertone link --edits discard",
            f"    (your file stays in {REPLACED})",
        ]
    )


def _put_away(name: str) -> Path:
    return REPLACED / f"{name}.old"


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
