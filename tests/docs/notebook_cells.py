"""Run the code cells of a notebook in a process of their own, and compare or replace its outputs.

`python -m tests.docs.notebook_cells docs/notebooks/NAME.ipynb` writes the outputs into the notebook. The cells are
plain Python, without magics, so that neither Jupyter nor a kernel is needed to test them.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_SEPARATOR = "\0"


def outputs(notebook: Path) -> list[str]:
    """Return what every code cell prints, and the representation of its last expression, run in an empty folder.

    Raises:
        AssertionError: if a cell fails; the message has its traceback
    """
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": os.pathsep.join([bin_folder, os.environ.get("PATH", "")]),
        "COLUMNS": "100",
    }
    with tempfile.TemporaryDirectory(prefix="notebook-") as folder:
        done = subprocess.run(
            [sys.executable, __file__, "--cells", str(notebook.resolve())],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.split(_SEPARATOR)[:-1]


def stored(notebook: Path) -> list[str]:
    """Return the outputs in a notebook, one text for each code cell."""
    return ["".join("".join(_text(output)) for output in cell["outputs"]) for cell in code_cells(read(notebook))]


def read(notebook: Path) -> dict[str, Any]:
    """Return the content of a notebook."""
    content: dict[str, Any] = json.loads(notebook.read_text(encoding="utf-8"))
    return content


def code_cells(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the code cells of a notebook."""
    return [cell for cell in content["cells"] if cell["cell_type"] == "code"]


def _text(output: dict[str, Any]) -> list[str]:
    return list(output["text"] if output["output_type"] == "stream" else output["data"]["text/plain"])


def _print_outputs(notebook: Path) -> None:
    """Run the cells in this process, and print each one's output."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in code_cells(read(notebook)):
        source, sink = ast.parse("".join(cell["source"])), io.StringIO()
        last = source.body.pop() if source.body and isinstance(source.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(sink):
            exec(compile(source, notebook.name, "exec"), names)
            if (
                last is not None
                and (value := eval(compile(ast.Expression(last.value), notebook.name, "eval"), names)) is not None
            ):
                print(repr(value))
        sys.stdout.write(sink.getvalue() + _SEPARATOR)


def _write(notebook: Path) -> None:
    content = read(notebook)
    for cell, text in zip(code_cells(content), outputs(notebook), strict=True):
        stream = {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}
        cell["outputs"] = [stream] if text else []
    notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--cells":
        _print_outputs(Path(sys.argv[2]))
    else:
        for argument in sys.argv[1:]:
            _write(Path(argument))
