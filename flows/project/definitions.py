"""DVC's stage objects, read once: definitions from the dvc.yaml files, with their records from dvc.lock.

Reading both takes DVC longer than checking all stages, and its own functions do it for every stage that they check,
lock or record. The objects stay valid until a file that they were read from changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from flows.project import atomic_records
from flows.project.current_note import WatchedFiles
from tasks.core import file_stamps
from tasks.core.errors import InputError
from tasks.core.file_stamps import Stamps

_READ_FOR_THE_GRAPH = (
    "*.yaml", "*.json", "*.toml", "*/dvc.yaml", "*/params.yaml", "dvc.lock", "*/dvc.lock", ".dvc/config*",
    ".dvcignore", ".gitignore",
)  # fmt: skip
"""Files that DVC may read to build the graph: stages, records, parameters, variables, settings."""
_SHIPPED = (".dvc/undertone/*", "undertone.txt")
"""Records of what undertone shipped to the project, by which it notices an upgrade."""


class Definitions:
    """All stages of a project, as DVC reads them.

    Args:
        repo: the project as a DVC repo that nothing has been read from

    Attributes:
        repo: the project as a DVC repo
        graph: DVC's graph of the stages
        order: path of the DVC file and name there of each stage, in the order in which DVC runs them
    """

    def __init__(self, repo: Any) -> None:
        from dvc.repo.reproduce import plan_repro

        self._root = Path(repo.root_dir)
        self._stamps = self._read_from()
        self.repo = repo
        self.graph = repo.index.graph
        self._stages: dict[str, Any] = {stage.addressing: stage for stage in self.graph}
        self.order = tuple((stage.path, getattr(stage, "name", None)) for stage in plan_repro(self.graph))

    @property
    def are_fresh(self) -> bool:
        """Whether no file that they were read from has changed since."""
        return self._stamps == self._read_from()

    def stage(self, name: str) -> Any:
        """Return DVC's stage object.

        Args:
            name: of the stage

        Raises:
            InputError: if a dvc.yaml has lost it meanwhile
        """
        if name not in self._stages:
            raise InputError(f"dvc.yaml no longer has the stage {name}; it was edited meanwhile. Run again")
        return self._stages[name]

    def status(self, stage: str) -> list[Any]:
        """Return DVC's list of changes of a stage; none if it is current. The caller holds DVC's lock.

        Args:
            stage: its name
        """
        changes: list[Any] = self.stage(stage).status(check_updates=True).get(stage, [])
        return changes

    def record(self, stages: Sequence[str]) -> Stamps:
        """Record stages that have just run: their outputs go to DVC's cache, their hashes to dvc.lock.

        The caller holds DVC's lock.

        Args:
            stages: their names

        Returns:
            stamps of the recorded outputs, unless they changed meanwhile, of dvc.lock, and of the cache's folders
        """
        definitions = [self.stage(name) for name in stages]
        for definition in definitions:
            definition.save()
            definition.commit()
        for path in sorted({definition.path for definition in definitions}):
            of_file = {stage.name: _record(stage) for stage in definitions if stage.path == path}
            atomic_records.update(Path(path).with_suffix(".lock"), of_file, self.names_in(path))
        # these objects have the new hashes, too
        self._stamps = self._read_from()
        outputs = [output for definition in definitions for output in definition.outs]
        return self._recorded(outputs) | self._stamps | file_stamps.of_matches(self._cache(), self._root)

    def _recorded(self, outputs: Sequence[Any]) -> Stamps:
        """Return the stamps of outputs, but of those that are no longer what was recorded."""
        # DVC has copied them from its cache, so that they have new stamps
        before = file_stamps.of_trees(map(self._path, outputs), self._root)
        recorded = [self._path(output) for output in outputs if not output.workspace_status()]
        after = file_stamps.of_trees(recorded, self._root)
        return {name: taken for name, taken in after.items() if before.get(name) == taken}

    def names_in(self, path: str) -> list[str | None]:
        """Return the names of the stages of one DVC file, in the order in which DVC runs them.

        Args:
            path: of the dvc.yaml
        """
        return [name for dvc_file, name in self.order if Path(dvc_file) == Path(path)]

    def watched(self, stages: Iterable[str]) -> WatchedFiles:
        """Return the files on which it depends whether stages are current: what DVC reads, and what it has cached.

        Args:
            stages: their names
        """
        definitions = [self.stage(name) for name in stages]
        named = {self._path(entry) for stage in definitions for entry in (*stage.deps, *stage.outs)}
        files = {os.path.relpath(stage.path, self._root) for stage in definitions}
        locks = {f"{os.path.splitext(name)[0]}.lock" for name in files}  # noqa: PTH122
        return WatchedFiles(sorted(named | files | locks), (*_READ_FOR_THE_GRAPH, *_SHIPPED, *self._cache()))

    def _cache(self) -> list[str]:
        """Return patterns of the folders of DVC's cache: their times change with every new or removed object."""
        caches = {output.cache.path for stage in self.graph for output in stage.outs if output.use_cache}
        return [pattern for cache in sorted(caches) for pattern in (cache, f"{cache}/*")]

    def _path(self, entry: Any) -> str:
        return os.path.relpath(entry.fs_path, self._root)

    def _read_from(self) -> Stamps:
        return file_stamps.of_matches(_READ_FOR_THE_GRAPH, self._root)


def _record(stage: Any) -> Any:
    from dvc.stage.serialize import to_single_stage_lockfile

    return to_single_stage_lockfile(stage)
