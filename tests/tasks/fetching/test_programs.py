"""Blocking of external programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.fetching import programs


def test_programs_are_refused_inside_only() -> None:
    with programs.refused(except_for=()):
        with pytest.raises(programs.ProgramRefusedError, match="rtmpdump"):
            subprocess.run(["/usr/bin/rtmpdump", "-r", "rtmp://10.0.0.1/x"], check=False)
        with pytest.raises(programs.ProgramRefusedError):
            os.system("true")
    subprocess.run([sys.executable, "--version"], check=True, capture_output=True)


def test_a_shell_is_a_program() -> None:
    with programs.refused(except_for=["node"]), pytest.raises(programs.ProgramRefusedError, match="sh"):
        subprocess.run("node --version", shell=True, check=False)


def test_allowed_programs_start() -> None:
    with programs.refused(except_for=[Path(sys.executable).name]):
        subprocess.run([sys.executable, "--version"], check=True, capture_output=True)
