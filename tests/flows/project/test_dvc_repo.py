"""DVC's messages in a process that runs more than once, whose output was captured and closed in between."""

from __future__ import annotations

import logging
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from flows.project import dvc_repo
from flows.project.dag import Dag, reproduce


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one stage, which copies a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages:\n  copy: {cmd: cp source target, deps: [source], outs: [target]}\n")
    (tmp_path / "source").write_text("a")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    return tmp_path


def test_every_run_prints_to_the_output_of_its_time(copies: Path) -> None:
    for text in ("b", "c"):
        (copies / "source").write_text(text)
        with StringIO() as output, redirect_stdout(output):
            reproduce(("copy",))
            assert "Running stage 'copy'" in output.getvalue()
        assert (copies / "target").read_text() == text


def test_a_dag_that_was_made_earlier_prints_to_the_current_output(copies: Path) -> None:
    with StringIO() as output, redirect_stdout(output):
        dag = Dag()
    with StringIO() as output, redirect_stdout(output):
        dag.execute("copy")
        assert "> cp source target" in output.getvalue()
    assert (copies / "target").read_text() == "a"


def test_warnings_go_to_standard_error_and_other_messages_do_not(copies: Path) -> None:
    with StringIO() as output, StringIO() as errors, redirect_stdout(output), redirect_stderr(errors):
        dvc_repo.opened(copies)
        logging.getLogger("dvc").warning("the disk is nearly full")
        logging.getLogger("dvc").info("one file was hashed")
        assert "the disk is nearly full" in errors.getvalue()
        assert "the disk is nearly full" not in output.getvalue()
        assert "one file was hashed" in output.getvalue()
        assert "one file was hashed" not in errors.getvalue()
