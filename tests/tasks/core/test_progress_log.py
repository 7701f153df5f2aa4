"""What long work tells: on a terminal, with the item it is about; nowhere else."""

from __future__ import annotations

import io
import logging

import pytest

from tasks.core import progress_log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def quiet() -> object:
    yield
    log = logging.getLogger("undertone")
    log.handlers.clear()
    log.setLevel(logging.NOTSET)


def test_lines_say_what_they_are_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    progress_log.on_a_terminal()
    progress_log.on_a_terminal()
    log = logging.getLogger("undertone.training")
    with progress_log.about("meld, fold 1"):
        log.info("epoch %d of %d", 1, 3)
    assert terminal.getvalue() == "meld, fold 1: epoch 1 of 3\n"


def test_nothing_is_told_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", file := io.StringIO())
    progress_log.on_a_terminal()
    logging.getLogger("undertone.training").info("epoch 1")
    assert file.getvalue() == ""
