"""The notebooks run, and print what is stored in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import notebook_cells

NOTEBOOKS = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
LONG = ("an_interview.ipynb", "adding_a_model.ipynb")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.name, marks=pytest.mark.long if path.name in LONG else ())
        for path in sorted(NOTEBOOKS.glob("*.ipynb"))
    ],
)
def test_cells_run_and_print_what_is_stored(name: str) -> None:
    path = NOTEBOOKS / name
    assert notebook_cells.outputs(path) == notebook_cells.stored(path), (
        f"if the change is intended: python -m tests.docs.notebook_cells {path}"
    )


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_follow_the_format(path: Path) -> None:
    content = notebook_cells.read(path)
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    assert content["cells"][0]["cell_type"] == "markdown"
    assert path.stat().st_size < 100_000
    assert all(cell["execution_count"] is None for cell in notebook_cells.code_cells(content))
