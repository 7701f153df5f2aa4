"""The tests that `make check` chooses for a change."""

from __future__ import annotations

from pathlib import Path

from tests.affected import affected


def test_mirror_importers_and_changed_tests_are_affected(tmp_path: Path) -> None:
    files = {
        "tests/tasks/core/test_memo.py": "from tasks.core import paths\n",
        "tests/tasks/core/test_each.py": "from tasks.core import each, memo\n",
        "tests/tasks/core/test_locks.py": "from tasks.core import locks\n",
        "tests/flows/test_pipeline.py": "import tasks.core.memo\n",
        "tests/test_dvc_yaml.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert affected([Path("tasks/core/memo.py")], tmp_path) == [
        "tests/flows/test_pipeline.py",
        "tests/tasks/core/test_each.py",
        "tests/tasks/core/test_memo.py",
    ]
    assert affected([Path("tests/tasks/core/test_locks.py"), Path("dvc.yaml")], tmp_path) == [
        "tests/tasks/core/test_locks.py",
        "tests/test_dvc_yaml.py",
    ]
    assert affected([Path("docs/labels.md")], tmp_path) == []
