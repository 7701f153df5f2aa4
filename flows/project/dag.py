"""DVC's view of the project: which stages there are, what comes before what, what is current. It owns the DAG.

Others may be at work in the same folder, `dvc repro` in another terminal, say. What they hold is waited for, and they
have to wait for what is held here: DVC's own locks see to both.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from flows.project import atomic_records
from tasks.core.errors import Busy, InputError, UndertoneError

Found = TypeVar("Found")
# one thread at a time: DVC's locks tell processes apart, and not threads
_ONE_AT_A_TIME = threading.Lock()
_POLL_S = 0.5


class Dag:
    """The stages of `dvc.yaml` in a project folder.

    Args:
        root: the project folder
        wait_s: how long to wait for what others hold, in seconds
        waiting: told once who holds it, if it has to be waited for

    Raises:
        UndertoneError: if the folder is no DVC project or its dvc.yaml cannot be read
    """

    def __init__(
        self, root: Path = Path(), *, wait_s: float = 3600.0, waiting: Callable[[str], None] = lambda _: None
    ) -> None:
        from dvc.repo.reproduce import plan_repro

        self._root, self._wait_s, self._waiting = root, wait_s, waiting
        self._patiently(lambda: atomic_records.mend(self._repo(), waiting))
        self._view = self._repo()
        graph = self._patiently(lambda: self._view.index.graph)
        self._order = tuple(stage.addressing for stage in plan_repro(graph))
        self._upstream = {
            stage.addressing: tuple(sorted(before.addressing for before in graph.successors(stage))) for stage in graph
        }

    def stages(self) -> tuple[str, ...]:
        """Return every stage, each after those it needs."""
        from graphlib import TopologicalSorter

        sorter = TopologicalSorter(self._upstream)
        sorter.prepare()
        ordered = list[str]()
        while sorter.is_active():
            ordered.extend(ready := sorted(sorter.get_ready()))
            sorter.done(*ready)
        return tuple(ordered)

    def demand(self, stages: Iterable[str]) -> None:
        """Check that there are such stages.

        Raises:
            InputError: naming those that there are not, and those that there are
        """
        if unknown := [stage for stage in stages if stage not in self.stages()]:
            raise InputError(f"unknown stage {', '.join(unknown)}; the stages are {', '.join(self.stages())}")

    def upstream(self, stage: str) -> tuple[str, ...]:
        """Return the stages whose outputs a stage reads directly."""
        return self._upstream[stage]

    def up_to(self, stage: str) -> tuple[str, ...]:
        """Return a stage and all it needs, directly or through others, each after those it needs."""
        needed, waiting = set[str](), [stage]
        while waiting:
            needed.add(one := waiting.pop())
            waiting.extend(self._upstream[one])
        return tuple(one for one in self.stages() if one in needed)

    def is_current(self, stage: str) -> bool:
        """Say whether a stage's inputs, parameters and outputs are those its last run recorded.

        What others record meanwhile is seen by whoever holds the stage.
        """
        return self._patiently(lambda: not self._view.status(targets=[stage]))

    def command(self, stage: str) -> str:
        """Return the command by which DVC runs a stage."""
        (found,) = self._view.stage.collect(stage)
        return str(found.cmd)

    @contextmanager
    def held(self, stage: str) -> Iterator[None]:
        """Keep others from running a stage, or from changing what it reads.

        Raises:
            Busy: if others hold it for longer than `wait_s`; the message says who
        """
        lock = self._patiently(lambda: _entered(self._rwlock(stage)))
        self._view = self._repo()
        try:
            yield
        finally:
            self._patiently(lambda: lock.__exit__(None, None, None))

    def commit(self, *stages: str) -> None:
        """Record stages that have just run: their outputs go to DVC's cache, their hashes to dvc.lock."""
        self._patiently(lambda: self._commit(stages))
        self._view = self._repo()

    def recorded(self) -> dict[str, Any]:
        """Return what dvc.lock says of each stage: its inputs, parameters and outputs with their hashes."""
        from ruamel.yaml import YAML

        path = self._root / atomic_records.LOCK_FILE
        stages: dict[str, Any] = YAML(typ="safe").load(path).get("stages", {}) if path.exists() else {}
        return stages

    def remote(self) -> str | None:
        """Return the name of DVC's default remote, or None where none is configured."""
        name: str | None = self._repo().config["core"].get("remote")
        return name

    def push(self) -> int:
        """Copy to the remote what it lacks; return how many files that was.

        Raises:
            UndertoneError: if the remote cannot be reached or written
        """
        from dvc.exceptions import DvcException

        try:
            return int(self._patiently(lambda: self._repo().push()))
        except (DvcException, OSError) as error:
            raise UndertoneError(
                f"dvc push to the remote {self.remote()!r} failed: {error}. Everything is computed and recorded here; "
                "mend the remote and run `dvc push`"
            ) from error

    def _commit(self, stages: Iterable[str]) -> None:
        from dvc.repo import lock_repo

        repo = self._repo()
        with lock_repo(repo):
            # as DVC's own commit of one: it reads and writes dvc.lock, which takes half a second, for each
            found = [one for stage in stages for one in repo.stage.collect(stage)]
            for one in found:
                one.save()
                one.commit()
            for file in {one.dvcfile.path: one.dvcfile for one in found}.values():
                mine = [one for one in found if one.dvcfile.path == file.path]
                file.dump_stages(mine, update_pipeline=False)
            # independent stages end in any order, and dvc.lock must not tell
            atomic_records.in_order(repo, self._order)

    def _rwlock(self, stage: str) -> Any:
        import sys

        from dvc.rwlock import rwlock

        repo = self._repo()
        (found,) = repo.stage.collect(stage)
        read, write = ([each.fs_path for each in side] for side in (found.deps, found.outs))
        # under the same words as DVC's own commit, which otherwise would wait for this process
        command = " ".join(sys.argv)
        return rwlock(repo.tmp_dir, repo.fs, command, read, write, repo.config["core"].get("hardlink_lock", False))

    def _patiently(self, action: Callable[[], Found]) -> Found:
        from dvc.lock import LockError

        until, told = time.monotonic() + self._wait_s, False
        while True:
            try:
                with _ONE_AT_A_TIME:
                    return action()
            except LockError as error:
                holder = self._holder(error)
            if time.monotonic() >= until:
                raise Busy(f"{holder}; waited {self._wait_s:.0f} s. Run again when that is done, or stop it")
            if not told:
                self._waiting(f"{holder}; waiting for it")
                told = True
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
        # a new one whenever something may have changed: a Repo remembers dvc.lock
        return _repo(self._root)


def reproduce(stages: tuple[str, ...] = (), *, force: bool = False, alone: bool = False, root: Path = Path()) -> None:
    """Run stages, and what they need, through DVC; all of them if none is named.

    Args:
        stages: their names
        force: run the named ones even if they are current
        alone: run the named ones in the order given, and nothing else
        root: the project folder

    Raises:
        UndertoneError: if a stage failed (its own message has been printed already) or is unknown
    """
    from dvc.exceptions import DvcException, ReproductionError

    dag = Dag(root)
    dag.demand(stages)
    try:
        # forced, a stage runs itself anew; what it needs stays as current as it is
        for targets in [[stage] for stage in stages] if alone else [list(stages) or None]:
            _repo(root).reproduce(targets, force=force, single_item=alone or (force and bool(stages)))
    except ReproductionError as error:
        why = f": {error.__cause__}" if error.__cause__ else ""
        raise UndertoneError(f"{error}{why}\nWhat was finished is kept; the next run goes on from there") from error
    except DvcException as error:
        raise UndertoneError(str(error)) from error


def _repo(root: Path) -> Any:
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    try:
        return Repo(str(root), fs=atomic_records.file_system())
    except NotDvcRepoError:
        raise UndertoneError(
            f"{root.resolve()} is no DVC project; go to your project folder, or make one: undertone new DIR"
        ) from None
    except DvcException as error:
        raise UndertoneError(f"dvc.yaml cannot be used: {error}") from error


def _entered(lock: Any) -> Any:
    lock.__enter__()
    return lock
