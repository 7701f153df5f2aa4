"""The reader that docs/adding-a-corpus.md writes is one."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tasks.core import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adding-a-corpus.md"


@pytest.fixture
def emovo(tmp_path: Path) -> ModuleType:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (tmp_path / "emovo.py").write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("emovo", tmp_path / "emovo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_reader_reads(emovo: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "EMOVO"
    for name in ("f1/rab-f1-b1.wav", "m2/gio-m2-n5.flac", "m2/xyz-m2-n5.wav", "m2/notes.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    found = emovo.CORPUS.read(folder)
    table = tables.conform(tables.from_rows(found.rows, emovo.CORPUS.schema), emovo.CORPUS.schema, "emovo")
    assert [(row["speaker"], row["emotion"], row["script"]) for row in table.to_pylist()] == [
        ("emovo/f1", "anger", "emovo/b1"),
        ("emovo/m2", "happiness", "emovo/n5"),
    ]
    assert [(reject.id, reject.reason) for reject in found.rejects] == [
        ("m2/notes.wav", "not a name of EMOVO's"),
        ("m2/xyz-m2-n5.wav", "unknown emotion code"),
    ]
    counts = {count.what: (count.expected, count.actual) for count in emovo.CORPUS.expected(table.to_pylist()).counts}
    assert counts == {"clips": (588, 2), "emovo/f1": (98, 1), "emovo/m2": (98, 1)}
