"""Three-way merge of YAML: edits of both sides, conflicts, comments and layout of the new version."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.project.merge import Merge, merge

BASE = """
stages:
  crawl:
    desc: Fetch
    cmd: run crawl
    deps: [a.py, b.py]
    outs:
      - data/x
  train: {cmd: run train, deps: [data/x], outs: [model]}
"""


def merged(base: str, mine: str, shipped: str) -> tuple[Merge, Any, str]:
    yaml, sink = YAML(), StringIO()
    result = merge(yaml.load(base), yaml.load(mine), yaml.load(shipped))
    yaml.dump(result.document, sink)
    return result, YAML(typ="safe").load(sink.getvalue()), sink.getvalue()


@pytest.mark.parametrize(
    ("mine", "edit", "place", "value"),
    [
        (("desc: Fetch", "desc: My fetch"), "stages.crawl.desc: My fetch instead of Fetch", ("desc",), "My fetch"),
        (("[a.py, b.py]", "[a.py, c.py, b.py]"), "stages.crawl.deps.c.py: added", ("deps",), ["z.py", "c.py", "b.py"]),
        (("[a.py, b.py]", "[a.py]"), "stages.crawl.deps.b.py: removed", ("deps",), ["z.py"]),
        (
            ("- data/x\n", "- data/x: {cache: false}\n"),
            "stages.crawl.outs.data/x: {'cache': False} instead of (nothing set)",
            ("outs",),
            [{"data/x": {"cache": False}}],
        ),
        (("run crawl", "nice run crawl"), "stages.crawl.cmd: nice run crawl instead of run crawl", ("cmd",), None),
        (("    cmd: run crawl", "    frozen: true\n    cmd: run crawl"), "stages.crawl.frozen: added, True", (), None),
    ],
)
def test_an_edit_is_applied_to_the_new_version(mine: tuple[str, str], edit: str, place: Any, value: Any) -> None:
    shipped = BASE.replace("a.py", "z.py") + "  added: {cmd: run added}\n"
    result, document, _ = merged(BASE, BASE.replace(*mine), shipped)
    assert result.edits == [edit]
    assert result.conflicts == []
    assert "added" in document["stages"]
    crawl = document["stages"]["crawl"]
    if value is not None:
        assert crawl[place[0]] == value
    if place != ("deps",):
        assert crawl["deps"] == ["z.py", "b.py"]


def test_stages_that_a_user_added_or_removed_stay_added_or_removed() -> None:
    mine = BASE.replace("  train:", "  mine: {cmd: run mine}\n  train:")
    result, document, _ = merged(BASE, mine, BASE.replace("a.py", "z.py"))
    assert list(document["stages"]) == ["crawl", "mine", "train"]
    assert result.edits == ["stages.mine: added"]
    without = BASE[: BASE.index("  train:")]
    result, document, _ = merged(BASE, without, BASE.replace("[data/x]", "[data/x, y.py]"))
    assert list(document["stages"]) == ["crawl"]
    assert result.edits == ["stages.train: removed"]


def test_a_value_changed_by_both_is_a_conflict_with_all_three_values() -> None:
    result, document, _ = merged(
        BASE, BASE.replace("run crawl", "nice run crawl"), BASE.replace("run crawl", "run crawl --fast")
    )
    assert result.conflicts == [
        "stages.crawl.cmd\n  made from    run crawl\n  yours        nice run crawl\n  shipped now  run crawl --fast"
    ]
    assert document["stages"]["crawl"]["cmd"] == "run crawl --fast"
    edited = BASE.replace("run train", "nice run train")
    result, *_ = merged(BASE, edited, BASE[: BASE.index("  train:")])
    assert result.conflicts[0].startswith("stages.train\n")
    assert "(absent)" in result.conflicts[0]


def test_the_same_change_on_both_sides_and_descriptions_do_not_conflict() -> None:
    same = BASE.replace("run crawl", "run crawl --fast")
    result, *_ = merged(BASE, same, same)
    assert (result.edits, result.conflicts) == ([], [])
    mine, theirs = (BASE.replace("desc: Fetch", f"desc: {text}") for text in ("Mine", "Theirs"))
    result, document, _ = merged(BASE, mine, theirs)
    assert result.conflicts == []
    assert document["stages"]["crawl"]["desc"] == "Mine"


def test_lists_whose_items_have_no_names_are_merged_whole() -> None:
    base, mine, theirs = "at: [{h: 1, m: 2}]\n", "at: [{h: 3, m: 2}]\n", "at: [{h: 4, m: 2}]\n"
    result, document, _ = merged(base, mine, base)
    assert document == {"at": [{"h": 3, "m": 2}]}
    assert len(result.edits) == 1
    result, *_ = merged(base, mine, theirs)
    assert len(result.conflicts) == 1
    named = "all:\n  - {name: a, n: 1}\n  - {name: b, n: 1}\n"
    result, document, _ = merged(named, named.replace("a, n: 1", "a, n: 2"), named.replace("b, n: 1", "b, n: 3"))
    assert document == {"all": [{"name": "a", "n": 2}, {"name": "b", "n": 3}]}
    assert result.edits == ["all.a.n: 2 instead of 1"]


def test_comments_of_the_new_version_and_of_added_stages_stay() -> None:
    shipped = "# new head\n" + BASE.lstrip().replace("run crawl", "run crawl  # why")
    _, _, text = merged(BASE, BASE + "  mine:\n    # my reason\n    cmd: run mine\n", shipped)
    assert text.startswith("# new head\n")
    assert "# why" in text
    assert "# my reason" in text
