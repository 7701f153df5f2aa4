"""The DAG as `dvc.yaml` and `own/dvc.yaml` state it: which tables stages read, and which stages reject items.

DVC itself resolves it, too, but takes a second to import.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from tasks.core import paths, yaml_files
from tasks.core.code_version import ROOT
from tasks.core.errors import ConfigError

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
SHIPPED, OWN = Path("dvc.yaml"), Path("own", "dvc.yaml")
_OUTPUTS = ("outs", "metrics", "plots")


@dataclass(frozen=True)
class PipelineStage:
    """A stage as a DVC file states it.

    Attributes:
        name: its name as in `dvc status`, such as `captions`, `corpus@tess` or `own/dvc.yaml:words`
        inputs: the paths it depends on, relative to the project folder
        outputs: the paths it writes
    """

    name: str
    inputs: tuple[PurePosixPath, ...]
    outputs: tuple[PurePosixPath, ...]


def stages() -> dict[str, PipelineStage]:
    """Return the stages of this project by name, each after those whose outputs it reads.

    Stages that could run in any order keep that of the files. A folder without dvc.yaml has the shipped stages. A stage
    with `foreach` has an instance for each entry of that section of params.yaml.

    Raises:
        ConfigError: if a file is not valid YAML within the limits of `yaml_files`, or has no stages
    """
    shipped = _state(SHIPPED) or _state(ROOT / SHIPPED)
    return _ordered(tuple(state for state in (shipped, _state(OWN)) if state), _state(paths.PARAMS))


def upstream(name: str) -> dict[str, PipelineStage]:
    """Return the stages that a stage needs, directly or not, in their order; none if there is no such stage.

    Args:
        name: of the stage
    """
    ordered = stages()
    before = _before(ordered.values())
    needed, pending = set[str](), [name] * (name in ordered)
    while pending:
        pending += (fresh := before[pending.pop()] - needed)
        needed |= fresh
    return {stage.name: stage for stage in ordered.values() if stage.name in needed}


def rejected_tables(target: str = "report") -> dict[str, Path]:
    """Return the stages upstream of another that list rejected items, in their order, each with its table.

    Args:
        target: name of the stage that shows them
    """
    before = upstream(target)
    listed = _outputs_called("rejected.parquet", before.values())
    # the table of a feature set lies in the folder that is the output
    sets = {name: Path(stage.outputs[0]) for name, stage in before.items() if name.startswith("extract@")}
    return {name: listed.get(name) or sets[name] / "rejected.parquet" for name in before if name in listed | sets}


def is_output(path: Path, stage: str) -> bool:
    """Return whether dvc.yaml declares a file as an output of a stage.

    Args:
        path: relative to the project folder
        stage: such as `captions` or `corpus@tess`
    """
    entry = stages().get(stage)
    return entry is not None and PurePosixPath(path) in entry.outputs


def utterance_tables() -> dict[str, Path]:
    """Return the stages that write the utterances of the interviews, in their order, each with its table.

    The first is that of `captions`; a stage inserted between `captions` and `polarity` writes another, which all stages
    after it read.
    """
    written = _outputs_called("utterances.parquet", upstream("polarity").values())
    return {**({} if "captions" in written else {"captions": paths.UTTERANCES}), **written}


def utterance_table() -> Path:
    """Return the table of utterances that `polarity` reads, and with it every stage after `captions`."""
    polarity = stages().get("polarity")
    wired = [path for path in polarity.inputs if path.name == paths.UTTERANCES.name] if polarity else []
    return Path(wired[0]) if wired else paths.UTTERANCES


def _outputs_called(name: str, among: Iterable[PipelineStage]) -> dict[str, Path]:
    return {stage.name: Path(path) for stage in among for path in stage.outputs if path.name == name}


def _before(ordered: Iterable[PipelineStage]) -> dict[str, set[str]]:
    """Return for each stage those that write one of its inputs, a file in it, or a folder around it."""
    written: dict[PurePosixPath, set[str]] = {}
    within: dict[PurePosixPath, set[str]] = {}
    for stage in ordered:
        for output in stage.outputs:
            written.setdefault(output, set()).add(stage.name)
            for place in (output, *output.parents):
                within.setdefault(place, set()).add(stage.name)
    return {
        stage.name: set[str]().union(
            *(within.get(source, set()) for source in stage.inputs),
            *(written.get(folder, set()) for source in stage.inputs for folder in source.parents),
        )
        - {stage.name}
        for stage in ordered
    }


def _state(path: Path) -> tuple[Path, int, int] | None:
    # files are replaced, never written in place: another content is another inode
    with suppress(FileNotFoundError, NotADirectoryError):
        status = path.stat()
        return path.absolute(), status.st_ino, status.st_mtime_ns
    return None


@lru_cache(maxsize=4)
def _ordered(
    files: tuple[tuple[Path, int, int], ...], params: tuple[Path, int, int] | None
) -> dict[str, PipelineStage]:
    settings = yaml_files.read(params[0], typed=False).content or {} if params else {}
    waiting = [stage for path, *_ in files for stage in _read(path, settings)]
    before = _before(waiting)
    ordered: dict[str, PipelineStage] = {}
    while waiting:
        ready = (stage for stage in waiting if before[stage.name] <= ordered.keys())
        # DVC refuses a cycle with a message of its own
        first = next(ready, waiting[0])
        waiting.remove(first)
        ordered[first.name] = first
    return ordered


def _read(path: Path, settings: Mapping[str, Any]) -> list[PipelineStage]:
    name = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    document = yaml_files.parse(yaml_files.read_text(path, name), name, typed=False)
    content = document.content or {}
    entries = (content.get("stages") or {}) if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise ConfigError(f"{name}: expected a section `stages:` with named stages")
    own = path.parent.name == OWN.parent.name
    prefix, folder = (f"{OWN}:", str(OWN.parent)) if own else ("", ".")
    stages = []
    for stage, entry in entries.items():
        definition = entry.get("do", entry) if isinstance(entry, dict) else None
        if not isinstance(definition, dict):
            raise ConfigError(f"{name}:{document.line(('stages', stage))}: the stage {stage} has no `cmd:`")
        for instance, values in _instances(stage, entry, settings):
            stages.append(_stage(prefix + instance, definition, folder, {**settings, **values}))
    return stages


def _instances(
    stage: str, entry: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each instance of a stage, and what `key` and `item` stand for in it."""
    if "do" not in entry:
        yield stage, {}
        return
    listed = entry.get("foreach")
    section = _setting(_PLACEHOLDER.sub(r"\1", listed), settings) if isinstance(listed, str) else listed
    for key, item in section.items() if isinstance(section, dict) else ((item, item) for item in section or ()):
        yield f"{stage}@{key}", {"key": key, "item": item}


def _setting(name: str, settings: Any) -> Any:
    for key in name.split("."):
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return settings


def _stage(name: str, entry: Mapping[str, Any], folder: str, settings: Mapping[str, Any]) -> PipelineStage:
    def filled(text: str) -> str:
        return _PLACEHOLDER.sub(lambda match: str(_setting(match[1], settings)), text)

    def listed(*kinds: str) -> tuple[PurePosixPath, ...]:
        # entries of another form are left to DVC, which names them
        items = [item for kind in kinds if isinstance(entry.get(kind), list) for item in entry[kind]]
        texts = [
            next(iter(item), "") if isinstance(item, dict) else item for item in items if not isinstance(item, list)
        ]
        return tuple(PurePosixPath(normpath(f"{folder}/{entry.get('wdir', '.')}/{filled(text)}")) for text in texts)

    return PipelineStage(name, listed("deps"), listed(*_OUTPUTS))
