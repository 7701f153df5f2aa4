"""DVC's view of the project: which stages there are, what comes before what, what is current. It owns the DAG."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tasks.errors import UndertoneError

_ONE_AT_A_TIME = threading.Lock()


class Dag:
    """The stages of `dvc.yaml` in a project folder.

    Args:
        root: the project folder

    Raises:
        UndertoneError: if the folder is no DVC project or its dvc.yaml cannot be read
    """

    def __init__(self, root: Path = Path()) -> None:
        self._root = root
        graph = self._repo().index.graph
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

    def upstream(self, stage: str) -> tuple[str, ...]:
        """Return the stages whose outputs a stage reads directly."""
        return self._upstream[stage]

    def is_current(self, stage: str) -> bool:
        """Say whether a stage's inputs, parameters and outputs are those its last run recorded."""
        with _ONE_AT_A_TIME:
            return not self._repo().status(targets=[stage])

    def commit(self, stage: str) -> None:
        """Record a stage that has just run: its outputs go to DVC's cache, their hashes to dvc.lock."""
        with _ONE_AT_A_TIME:
            self._repo().commit(stage, force=True)

    def _repo(self) -> Any:
        # a new one each time: a Repo remembers dvc.lock, which other stages change meanwhile
        from dvc.exceptions import DvcException, NotDvcRepoError
        from dvc.repo import Repo

        try:
            return Repo(str(self._root))
        except NotDvcRepoError:
            raise UndertoneError(
                f"{self._root.resolve()} is no DVC project; go to your project folder, or make one: undertone new DIR"
            ) from None
        except DvcException as error:
            raise UndertoneError(f"dvc.yaml cannot be used: {error}") from error


def reproduce(stages: tuple[str, ...] = (), *, force: bool = False, root: Path = Path()) -> None:
    """Run stages, and what they need, through DVC; all of them if none is named.

    Raises:
        UndertoneError: if a stage failed (its own message has been printed already) or is unknown
    """
    from dvc.exceptions import DvcException, ReproductionError
    from dvc.repo import Repo

    dag = Dag(root)
    if unknown := [stage for stage in stages if stage not in dag.stages()]:
        raise UndertoneError(f"unknown stage {', '.join(unknown)}; the stages are {', '.join(dag.stages())}")
    try:
        # forced, a stage runs itself anew; what it needs stays as current as it is
        Repo(str(root)).reproduce(list(stages) or None, force=force, single_item=force and bool(stages))
    except ReproductionError as error:
        why = f": {error.__cause__}" if error.__cause__ else ""
        raise UndertoneError(f"{error}{why}\nWhat was finished is kept; the next run goes on from there") from error
    except DvcException as error:
        raise UndertoneError(str(error)) from error
