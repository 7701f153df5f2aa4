"""The cache of weights: features and fits do not depend on the table, so that a new row makes none of them stale."""

from __future__ import annotations

import pytest

from tasks.core import code_version
from tasks.features.base import registry


@pytest.mark.parametrize("module", ["tasks.experiments.fitting", *map(registry.module, registry.names())])
def test_results_do_not_depend_on_the_table_of_checkpoints(module: str) -> None:
    table = [path.as_posix() for path in code_version.files(module) if "weights/known" in path.as_posix()]
    assert table == []


def test_the_audit_depends_on_it() -> None:
    files = {path.as_posix() for path in code_version.files("tasks.stages.experiment")}
    assert "tasks/weights/known/table.py" in files
