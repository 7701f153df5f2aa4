"""The project's DAG as DVC defines it: stages, their order, and which of them are current.

Other processes may work in the same folder, for example `dvc repro` in another terminal. DVC's own locks keep them
apart: this module waits for locks that others hold, and they wait for the locks held here.

Stages of the shipped dvc.yaml have plain names (`crawl`); those of another DVC file have its path before theirs
(`own/dvc.yaml:words`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from flows.project import atomic_records, dvc_repo, sources, upgrade
from flows.project.current_note import WatchedFiles
from flows.project.definitions import Definitions
from tasks.core import os_errors, paths, stage_process, workers, yaml_files
from tasks.core.errors import Busy, InputError, UndertoneError
from tasks.core.file_stamps import Stamps

Result = TypeVar("Result")
# DVC's locks distinguish processes, not threads; and voluptuous, which checks dvc.yaml, compiles a schema in place, so
# that two threads that read dvc.yaml at the same time find it invalid now and then
_DVC_CALLS = threading.Lock()
_POLL_S = 0.5


class Dag:
    """The stages of a project folder: those of `dvc.yaml`, and those of DVC files in subfolders.

    A project that was made by another version of undertone is brought up to date first.

    Args:
        root: the project folder
        wait_s: how long to wait for locks that others hold, in seconds
        waiting: receives a message when the project or its records are updated, and, once per wait, who holds a lock

    Raises:
        UndertoneError: if the folder is no DVC project, cannot be brought up to date, or its dvc.yaml cannot be read
    """

    def __init__(
        self, root: Path = Path(), *, wait_s: float = 3600.0, waiting: Callable[[str], None] = lambda _: None
    ) -> None:
        upgrade.bring_up_to_date(root, waiting)
        _check_files(root)
        self._root, self._wait_s, self._waiting = root, wait_s, waiting
        self._patiently(lambda: atomic_records.repair(self._repo(), waiting))
        self._defined = self._definitions()
        graph = self._defined.graph
        self._commands = {stage.addressing: str(stage.cmd) for stage in graph}
        self._upstream = {
            stage.addressing: tuple(sorted(before.addressing for before in graph.successors(stage))) for stage in graph
        }
        self._sources = {stage.addressing: sources.of(stage, graph) for stage in graph}
        self._features = _features(root)

    def stages(self) -> tuple[str, ...]:
        """Return all stages, each after those it needs; independent ones in alphabetical order."""
        from graphlib import TopologicalSorter

        sorter = TopologicalSorter(self._upstream)
        sorter.prepare()
        ordered = list[str]()
        while sorter.is_active():
            ordered.extend(ready := sorted(sorter.get_ready()))
            sorter.done(*ready)
        return tuple(ordered)

    def demand(self, stages: Iterable[str]) -> None:
        """Check that stages exist.

        Args:
            stages: their names

        Raises:
            InputError: if some do not exist; the message lists them, and the stages that exist
        """
        if unknown := [stage for stage in stages if stage not in self.stages()]:
            raise InputError(f"unknown stage {', '.join(unknown)}; the stages are {', '.join(self.stages())}")

    def upstream(self, stage: str) -> tuple[str, ...]:
        """Return the stages whose outputs a stage reads directly."""
        return self._upstream[stage]

    def up_to(self, stage: str) -> tuple[str, ...]:
        """Return a stage and all stages it needs, directly or indirectly, each after those it needs.

        Of a corpus's features, an experiment needs those that its recipe names; dvc.yaml can name only their folder.
        """
        needed, pending = set[str](), [stage]
        while pending:
            needed.add(current := pending.pop())
            features = self._features.get(current)
            pending.extend(
                before
                for before in self._upstream[current]
                if features is None or not before.startswith("extract@") or before in features
            )
        return tuple(name for name in self.stages() if name in needed)

    def of_interviews(self) -> tuple[str, ...]:
        """Return the stages that update the interviews' report, each after those it needs.

        Those are the stages it needs, the page of its experiment, and all stages that need no other corpus, no other
        features and no other experiment, such as those of a user.
        """
        report = set(self.up_to("report")) if "report" in self._upstream else set[str]()
        report |= {stage.replace("experiment@", "page@") for stage in report if stage.startswith("experiment@")}
        report |= {stage for stage in self._crawled() if stage.startswith("corpus@")}
        return tuple(
            stage
            for stage in self.stages()
            if stage in report or all("@" not in name or name in report for name in self.up_to(stage))
        )

    def of_experiments(self) -> tuple[str, ...]:
        """Return all stages but those of the interviews' report, with those they need, each after those it needs.

        The leaderboard shows what results there are: by itself it needs none. Features of crawled interviews are
        extracted only if an experiment reads them.
        """
        others = set(self.stages()).difference(self.of_interviews())
        asked_for = others - {"leaderboard"} - {stage for stage in self._crawled() if stage.startswith("extract@")}
        needed = {before for stage in asked_for for before in self.up_to(stage)}
        return tuple(stage for stage in self.stages() if stage in needed | (others & {"leaderboard"}))

    def _crawled(self) -> set[str]:
        return {stage for stage in self.stages() if "crawl" in self.up_to(stage)}

    def is_current(self, stage: str) -> bool:
        """Return whether a stage's inputs, parameters and outputs are those that its last run recorded."""
        return not self._status(stage)

    def absent(self, stage: str) -> tuple[str, ...]:
        """Return the corpus or checkpoint that a stage has read and that is not on this machine, if any.

        Its outputs can be here all the same, by `dvc pull`: the stage is then current, and those after it can run.
        """
        return tuple(path for path in self._sources[stage] if not (self._root / path).exists())

    def changes(self, stage: str) -> list[str]:
        """Return why a stage is not current: its inputs, parameters, code and outputs that changed; none if it is."""
        status = self._status(stage)
        reasons = list[str]()
        for entry in status:
            if isinstance(entry, str):
                reasons.append(entry)
                continue
            for changed in entry.values():
                for path, change in changed.items() if isinstance(changed, dict) else ():
                    names = [path] if isinstance(change, str) else list(change)
                    reasons += ["code"] if path == str(paths.CODE_DIGESTS) else names
        return list(dict.fromkeys(reasons))

    def _status(self, stage: str) -> list[Any]:
        """Return DVC's list of changes of a stage, without a source that is not on this machine."""
        status: list[Any] = self._patiently(lambda: self._locked(lambda definitions: definitions.status(stage)))
        if not self.absent(stage):
            return status
        return [rest for entry in status if (rest := sources.without_deleted(entry, self._sources[stage]))]

    def command(self, stage: str) -> str:
        """Return the command by which DVC runs a stage."""
        return self._commands[stage]

    def execute(self, stage: str) -> None:
        """Run a stage's command as DVC does, in a process of its own, and record nothing; the caller holds the stage.

        Args:
            stage: its name

        Raises:
            UndertoneError: if the command failed
        """
        from dvc.exceptions import DvcException
        from dvc.stage.run import cmd_run

        def without_outputs(definitions: Definitions) -> Any:
            definition = definitions.stage(stage)
            definition.remove_outs()
            return definition

        try:
            cmd_run(self._patiently(lambda: self._locked(without_outputs)))
        except DvcException as error:
            self._patiently(lambda: _restore_outputs(self._root))
            raise UndertoneError(_message(error)) from error

    def run_alone(self, stage: str, *, force: bool) -> None:
        """Run one stage through DVC, which records it.

        Args:
            stage: its name
            force: run it even if it is current
        """
        self._repo().reproduce([stage], force=force, single_item=True)

    @contextmanager
    def held(self, stage: str) -> Iterator[None]:
        """Lock a stage: nobody else can run it or change what it reads.

        Args:
            stage: its name

        Raises:
            Busy: if others hold it for longer than `wait_s`; the message names them
        """
        lock = self._patiently(lambda: _entered(self._rwlock(stage)))
        try:
            yield
        finally:
            self._patiently(lambda: lock.__exit__(None, None, None))

    def sort_records(self) -> None:
        """Bring the records that `reproduce` wrote into the order of the DAG."""

        def sort(definitions: Definitions) -> None:
            for path in atomic_records.lock_files(self._root):
                atomic_records.update(path, {}, definitions.names_in(str(path.absolute().with_suffix(".yaml"))))

        self._patiently(lambda: self._locked(sort))

    def commit(self, *stages: str) -> Stamps:
        """Record stages that have just run: their outputs go to DVC's cache, their hashes to dvc.lock.

        Args:
            stages: their names

        Returns:
            stamps of the files that were written and recorded
        """
        return self._patiently(lambda: self._locked(lambda definitions: definitions.record(stages)))

    def watched(self, stages: Iterable[str]) -> WatchedFiles:
        """Return the files on which it depends whether stages are current.

        Args:
            stages: their names
        """
        return self._patiently(self._fresh).watched(stages)

    def recorded(self) -> dict[str, Any]:
        """Return the records of all stages by name: inputs, parameters and outputs with their hashes."""
        from ruamel.yaml import YAML

        records: dict[str, Any] = {}
        for path in atomic_records.lock_files(self._root):
            folder = path.parent.relative_to(self._root).as_posix()
            prefix = "" if folder == "." else f"{folder}/dvc.yaml:"
            stages = YAML(typ="safe").load(path).get("stages", {})
            records.update({f"{prefix}{name}": entry for name, entry in stages.items()})
        return records

    def remote(self) -> str | None:
        """Return the name of DVC's default remote, or None where none is configured."""
        name: str | None = self._repo().config["core"].get("remote")
        return name

    def push(self) -> int:
        """Copy outputs to the remote that it lacks.

        Returns:
            the number of files copied

        Raises:
            UndertoneError: if the remote cannot be reached or written
        """
        from dvc.exceptions import DvcException

        try:
            return int(self._patiently(lambda: self._repo().push()))
        except (DvcException, OSError) as error:
            raise UndertoneError(
                f"dvc push to the remote {self.remote()!r} failed: {error}. Everything is computed and recorded here; "
                "fix the remote and run `dvc push`"
            ) from error

    def _definitions(self) -> Definitions:
        from dvc.exceptions import DvcException
        from dvc.utils.strictyaml import YAMLValidationError

        try:
            return self._patiently(lambda: Definitions(self._repo()))
        except YAMLValidationError as error:
            raise UndertoneError(_invalid(error)) from error
        except DvcException as error:
            raise UndertoneError(f"{error}. Correct the file and run again") from error

    def _fresh(self) -> Definitions:
        """Return the stages as they are now defined and recorded."""
        if not self._defined.are_fresh:
            self._defined = Definitions(self._repo())
        return self._defined

    def _locked(self, action: Callable[[Definitions], Result]) -> Result:
        """Call a function with the stages as they are now defined and recorded, under DVC's lock."""
        from dvc.repo import lock_repo

        while True:
            definitions = self._defined
            with lock_repo(definitions.repo):
                # the lock belongs to the repo that the stages were read by
                if self._fresh() is definitions:
                    return action(definitions)

    def _rwlock(self, stage: str) -> Any:
        import sys

        from dvc.rwlock import rwlock

        definitions = self._fresh()
        repo, definition = definitions.repo, definitions.stage(stage)
        read, write = ([entry.fs_path for entry in side] for side in (definition.deps, definition.outs))
        # with the same text as in DVC's own commit, which would wait for this process otherwise
        command = " ".join(sys.argv)
        return rwlock(repo.tmp_dir, repo.fs, command, read, write, repo.config["core"].get("hardlink_lock", False))

    def _patiently(self, action: Callable[[], Result]) -> Result:
        from dvc.lock import LockError

        until, reported = time.monotonic() + self._wait_s, False
        while True:
            try:
                with _DVC_CALLS:
                    dvc_repo.print_to_current_streams()
                    return action()
            except LockError as error:
                holder = self._holder(error)
            if time.monotonic() >= until:
                raise Busy(f"{holder}; waited {self._wait_s:.0f} s. Run again when that is done, or stop it")
            if not reported:
                self._waiting(f"{holder}; waiting for it")
                reported = True
            time.sleep(_POLL_S)

    def _holder(self, error: Exception) -> str:
        import psutil

        blocked = [line.strip() for line in str(error).splitlines() if line.strip().startswith("(PID")]
        if blocked:
            return f"{str(error).splitlines()[0].split(',')[0]}: {'; '.join(dict.fromkeys(blocked))}"
        try:
            process = psutil.Process(int((self._root / ".dvc" / "tmp" / "lock").read_text()))
            return f"DVC's lock is held by process {process.pid}: {' '.join(process.cmdline())}"
        except (OSError, ValueError, psutil.Error):
            return "DVC's lock is held by another process"

    def _repo(self) -> Any:
        # a Repo caches what it reads
        return _repo(self._root)


def reproduce(stages: tuple[str, ...] = (), *, force: bool = False, alone: bool = False, root: Path = Path()) -> None:
    """Run stages and what they need through DVC; all stages if none is named.

    Args:
        stages: their names
        force: run the named ones even if they are current
        alone: run the named ones in the order given, and nothing else
        root: the project folder

    Raises:
        UndertoneError: if a stage failed (its own message has been printed already) or does not exist
    """
    from dvc.exceptions import DvcException, ReproductionError

    dag = Dag(root)
    dag.demand(stages)
    # DVC passes the environment on to the commands of the stages
    os.environ[stage_process.DRIVER] = workers.driver()
    try:
        if alone:
            for stage in stages:
                dag.run_alone(stage, force=force)
        elif any(dag.absent(stage) for stage in dag.stages()):
            _reproduce_without_sources(dag, stages, force)
        else:
            # a forced stage runs again; the stages it needs run only if they are not current
            _repo(root).reproduce(
                list(stages) or None, force=force, single_item=force and bool(stages), all_pipelines=not stages
            )
        dag.sort_records()
    except ReproductionError as error:
        why = f": {_message(error.__cause__)}" if error.__cause__ else ""
        _restore_outputs(root)
        raise UndertoneError(f"{error}{why}\nFinished stages are kept; the next run continues from there") from error
    except DvcException as error:
        raise UndertoneError(_message(error)) from error


def _reproduce_without_sources(dag: Dag, stages: Sequence[str], force: bool) -> None:
    """Run the stages that are not current: DVC itself takes a corpus that is not on this machine for a change."""
    before = set() if force else {name for stage in stages for name in dag.up_to(stage)}
    wanted = before.union(stages or dag.stages())
    for stage in dag.stages():
        if stage in wanted and (force or not dag.is_current(stage)):
            dag.run_alone(stage, force=force)


def _features(root: Path) -> dict[str, set[str]]:
    """Return the stages that extract the features of each recipe, by the stage that digests those features."""
    try:
        content = yaml_files.read(root / paths.PARAMS).content
    except FileNotFoundError:
        return {}
    experiments = (content.get("experiments") if isinstance(content, dict) else None) or {}
    return {
        f"inputs@{name}": {f"extract@{feature}" for feature in recipe["features"]}
        for name, recipe in experiments.items()
        if isinstance(recipe, dict) and isinstance(recipe.get("features"), list)
    }


def _restore_outputs(root: Path) -> None:
    """Bring back outputs that DVC removed before it ran a stage that failed: those of the last complete run."""
    from dvc.exceptions import DvcException
    from dvc.repo import lock_repo

    repo = _repo(root)
    with lock_repo(repo):
        for output in [output for definition in repo.index.stages for output in definition.outs]:
            if output.hash_info and not output.exists:
                # they may no longer be in the cache
                with suppress(DvcException, OSError):
                    output.checkout(allow_missing=True)


def _message(error: BaseException) -> str:
    return os_errors.explain(error) or str(error)


def _check_files(root: Path) -> None:
    """Check the limits and the structure of all YAML files that DVC reads, which has no limits itself."""
    for pattern in ("params.yaml", "dvc.yaml", "*/dvc.yaml", "*/params.yaml"):
        for path in sorted(root.glob(pattern)):
            yaml_files.check(path)
    if (root / ".dvcignore").is_file():
        yaml_files.read_text(root / ".dvcignore")


def _invalid(error: Any) -> str:
    """Return the first mistake that DVC reports for one of its files, with its line."""
    first = error.exc.errors[0]
    name = Path(error.path).as_posix()
    line = yaml_files.parse(error.text, name, typed=False).line(first.path)
    where = f" in {'.'.join(str(part) for part in first.path)}" if first.path else ""
    return f"{name}:{line or 1}: {first.error_message}{where}. Correct the file and run again"


def _repo(root: Path) -> Any:
    from dvc.config import ConfigError as DvcConfigError
    from dvc.exceptions import DvcException, NotDvcRepoError

    try:
        return dvc_repo.opened(root, fs=atomic_records.file_system())
    except NotDvcRepoError:
        raise UndertoneError(
            f"{root.resolve()} is no DVC project; change to your project folder, or make one: undertone new DIR"
        ) from None
    except DvcConfigError as error:
        raise UndertoneError(f".dvc/config cannot be used: {error}. Correct the file and run again") from error
    except DvcException as error:
        raise UndertoneError(f"DVC cannot use this project: {error}") from error


def _entered(lock: Any) -> Any:
    lock.__enter__()
    return lock
