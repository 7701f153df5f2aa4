"""Conditions of a measurement: machine, versions, date and commit."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from bench.commands import ROOT
from bench.runner import PEERS

OURS = (
    "undertone-ser",
    "numpy",
    "scipy",
    "scikit-learn",
    "imbalanced-learn",
    "pyarrow",
    "av",
    "soundfile",
    "onnxruntime",
    "torch",
    "transformers",
    "dvc",
    "prefect",
)
THEIRS = (
    "pyAudioAnalysis", "opensmile", "vaderSentiment", "textblob", "afinn", "scikit-learn", "imbalanced-learn", "pysrt",
    "audinterface", "nkululeko", "numpy", "scipy",
)  # fmt: skip
_CODE = ("tasks", "flows", "bench")
_LIST = (
    "import json; from importlib.metadata import distributions; "
    "print(json.dumps({package.name: package.version for package in distributions()}))"
)


def about() -> dict[str, Any]:
    """Return the conditions of a measurement made now, as JSON values."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "versions": _selected({package.name: package.version for package in distributions()}, OURS),
        "peers": {**_selected(_peers(), THEIRS), **_ffmpeg()},
    }


def _selected(packages: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    versions = {name.lower(): version for name, version in packages.items()}
    return {name: versions[name.lower()] for name in names if name.lower() in versions}


def _peers() -> dict[str, str]:
    if not (python := PEERS / "bin" / "python").is_file():
        return {}
    versions: dict[str, str] = json.loads(_output(str(python), "-c", _LIST))
    return versions


def _ffmpeg() -> dict[str, str]:
    if (program := shutil.which("ffmpeg")) is None:
        return {}
    return {"ffmpeg": _output(program, "-version").split()[2]}


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    matches = {key: re.search(rf"^{key}\s*: (.*)$", text, re.MULTILINE) for key in ("model name", "model", "cpu MHz")}
    name, model, mhz = (match[1] if match else "?" for match in matches.values())
    return f"{name} (model {model}, {float(mhz):.0f} MHz)" if mhz != "?" else name


def _commit() -> str:
    """Return the abbreviated commit; with a plus if the code has uncommitted changes."""
    if not (commit := _output("git", "rev-parse", "--short", "HEAD")):
        return "none"
    return commit + (
        "+"
        if _output(
            "git", "status", "--porcelain", "--", *_CODE, ":!bench/results", ":!bench/README.md", ":!bench/speed.svg"
        )
        else ""
    )


def _output(*command: str) -> str:
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    return ended.stdout.strip() if ended.returncode == 0 else ""
