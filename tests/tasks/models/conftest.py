"""Trainings that are killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest


@pytest.fixture
def killed_after_two_epochs(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Return a context whose training is interrupted as soon as its second epoch's checkpoint is written."""
    from tasks.models.training import checkpoint

    write = checkpoint.write

    def killed(state: checkpoint.TrainingState, folder: Path, run: str) -> None:
        write(state, folder, run)
        if state.epochs == 2:
            raise KeyboardInterrupt

    @contextmanager
    def killing() -> Iterator[None]:
        # Lightning turns an interrupt into an exit
        with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, SystemExit)):
            patch.setattr(checkpoint, "write", killed)
            yield

    return killing
