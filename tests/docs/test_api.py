"""docs/api.md: its examples run, and the names on it exist."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import undertone as ut

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_examples_give_what_is_shown() -> None:
    runner, names = doctest.DocTestRunner(), dict[str, object]()
    blocks = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if ">>>" in block]
    for number, block in enumerate(blocks):
        test = doctest.DocTestParser().get_doctest(block, names, f"block {number}", "docs/api.md", 0)
        runner.run(test, clear_globs=False)
        names = test.globs
    assert runner.summarize().attempted > 10
    assert runner.summarize().failed == 0


def test_every_function_of_the_page_exists() -> None:
    for path in set(re.findall(r"\but\.([a-z_]+(?:\.[a-z_]+)?)", PAGE)):
        value: object = ut
        for name in path.split("."):
            value = getattr(value, name)
