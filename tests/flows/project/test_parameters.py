"""Upgrades of params.yaml: new keys are added; the user's values and layout stay."""

from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from flows.project.parameters import update
from tasks.core import config
from tests.flows.project.old_project import EARLIER, FIXTURE, ROOT

BASE = """\
# Settings.

train:
  seed: 7          # of the folds
  folds: 5

audit:             # leaks
  declared: []

corpora: {}

runtime:           # the machine
  workers: 0
"""
MINE = (
    BASE.replace("seed: 7 ", "seed: 11")
    .replace("# Settings.", "# Mine.")
    .replace("corpora: {}", "corpora:\n  a: {path: x}")
)


def values(text: str) -> dict[str, object]:
    loaded: dict[str, object] = YAML(typ="safe").load(text)
    return loaded


def test_a_new_key_comes_with_its_comment_and_nothing_else_changes() -> None:
    shipped = BASE.replace("  folds: 5\n", "  grid: [1, 2]     # values\n                   # to try\n  folds: 5\n")
    result = update(MINE, BASE, shipped)
    assert result.text == MINE.replace("  folds: 5\n", "  grid: [1, 2]     # values\n  folds: 5\n")
    assert result.notes == ["params.yaml: added train.grid with its default, [1, 2]"]
    again = update(result.text, shipped, shipped)
    assert (again.text, again.notes) == (result.text, [])


def test_a_new_key_at_either_end_of_a_section() -> None:
    shipped = BASE.replace("  seed: 7", "  first: 1\n  seed: 7").replace(
        "  workers: 0\n", "  workers: 0\n  last: null\n"
    )
    result = update(MINE.rstrip("\n"), BASE, shipped)
    assert result.text == MINE.replace("  seed: 11", "  first: 1\n  seed: 11") + "  last: null\n"
    assert [note.split()[2] for note in result.notes] == ["train.first", "runtime.last"]


def test_a_new_section_is_inserted_as_in_the_shipped_file() -> None:
    shipped = BASE.replace(
        "corpora: {}", "labels:            # worth\n  n: 12            # shown\n  m: 1\n\ncorpora: {}"
    )
    result = update(MINE, BASE, shipped)
    section = "\nlabels:            # worth\n  n: 12            # shown\n  m: 1\n"
    assert result.text == MINE.replace("  declared: []\n", f"  declared: []\n{section}")
    assert len(result.notes) == 2


@pytest.mark.parametrize("section", ["audit: {declared: [x]}", "audit: {}", "audit:", "audit:\n    declared: [x]"])
def test_sections_in_other_styles_get_new_keys_too(section: str) -> None:
    mine = BASE.replace("audit:             # leaks\n  declared: []", section)
    shipped = BASE.replace("  declared: []\n", "  declared: []\n  strict: true\n")
    result = update(mine, BASE, shipped)
    audit = values(result.text)["audit"]
    assert audit == {"declared": ["x"] if "[x]" in section else [], "strict": True}
    assert "# of the folds" in result.text


def test_a_new_section_of_the_user_is_added_once() -> None:
    shipped = BASE.replace("corpora: {}\n", "corpora: {}\n\ncheckpoints: {}    # name: folder\n")
    result = update(MINE, BASE, shipped)
    assert result.notes == ["params.yaml: added checkpoints with its default, {}"]
    assert "\n\ncheckpoints: {}    # name: folder\n" in result.text
    mine = result.text.replace("checkpoints: {}", "checkpoints: {bert: models/bert}")
    again = update(mine, shipped, shipped.replace("  workers: 0\n", "  workers: 0\n  more: 1\n"))
    assert again.text == mine + "  more: 1\n"


def test_a_removed_key_is_deleted_unless_its_value_was_changed() -> None:
    shipped = BASE.replace("  folds: 5\n", "").replace("audit:             # leaks\n  declared: []\n\n", "")
    result = update(MINE, BASE, shipped)
    assert values(result.text) == {"train": {"seed": 11}, "corpora": {"a": {"path": "x"}}, "runtime": {"workers": 0}}
    assert "# of the folds" in result.text
    assert result.notes == [
        "params.yaml: removed train.folds, which no longer exists in this version",
        "params.yaml: removed audit.declared, which no longer exists in this version",
    ]
    changed = MINE.replace("folds: 5", "folds: 9")
    result = update(changed, BASE, BASE.replace("  folds: 5\n", ""))
    assert result.text == changed
    assert result.notes == ["params.yaml: train.folds (9) no longer exists in this version; remove it from the file"]


def test_a_changed_default_is_reported_and_the_value_stays() -> None:
    result = update(MINE, BASE, BASE.replace("folds: 5", "folds: 10").replace("seed: 7 ", "seed: 8 "))
    assert result.text == MINE
    assert result.notes == ["params.yaml: the default of train.folds is now 10; yours stays 5"]


@pytest.mark.parametrize("text", ["", "a: [", "- list\n", "just text"])
def test_an_invalid_file_is_not_changed(text: str) -> None:
    assert update(text, BASE, BASE).text == text


def test_line_ends_stay() -> None:
    mine = MINE.replace("\n", "\r\n")
    result = update(mine, BASE, BASE.replace("  folds: 5\n", "  folds: 5\n  more: 1\n"))
    assert result.text.replace("  more: 1\n", "") == mine


def test_settings_of_0_1_0_become_settings_of_this_version(tmp_path: object) -> None:
    mine = (FIXTURE / "params.yaml").read_text()
    result = update(mine, (EARLIER / "params-0.1.0.yaml").read_text(), (ROOT / "params.yaml").read_text())
    kept = [line for line in mine.splitlines() if line in result.text.splitlines()]
    changed = [line for line in mine.splitlines() if line not in kept]
    # only lines of parameters that no longer exist may go, and the braces of sections that are no longer empty
    filled = [line for line in changed if line.startswith(("corpora: {}", "features: {}", "experiments: {}"))]
    sections = "".join(re.findall(r"(?ms)^(?:acoustic|train):.*?(?=^\S)|^  shuffles: .*?\n", mine))
    gone = [line for line in changed if f"{line}\n" in sections]
    assert len(gone) > 8
    assert len(changed) == len(filled) + len(gone) + sum("removed" in note for note in result.notes)
    (path := ROOT.__class__(str(tmp_path)) / "params.yaml").write_text(result.text)
    settings = config.load(path)
    assert (settings.simulate.train, settings.simulate.test) == (6, 3)


def test_sections_and_keys_that_are_merged_from_others() -> None:
    mine = "parts: &parts\n  train: {seed: 7, folds: 5}\n  audit: {declared: []}\n<<: *parts\ncorpora: {}\n"
    shipped = BASE.replace("  folds: 5\n", "  folds: 5\n  steps: 3\n")
    result = update(mine, BASE, shipped)
    merged = values(result.text)
    assert merged["train"] == {"seed": 7, "folds": 5, "steps": 3}
    assert merged["runtime"] == {"workers": 0}
    # a merged key cannot be removed from the section that it is merged into
    without = update(mine, BASE, BASE.replace("audit:             # leaks\n  declared: []\n", "")).notes
    assert "params.yaml: audit.declared ([]) no longer exists in this version; remove it from the file" in without


OLD = """\
acoustic:                        # windows
  short_window_s: 0.05
  mid_step_s: 0.5

train:
  c_grid: [1.0, 0.1]             # mine
  smote_neighbours: 3
  outer_folds: 4
  inner_folds: 3
  seed: 11

evaluate:
  bootstrap: 2000
  shuffles: 9

corpora: {}                      # name: entry
features: {}
experiments:
  mine: {corpus: a}
"""
NEW = """\
evaluate:
  bootstrap: 2000

corpora:                         # name: entry
  interviews: {reader: interviews, path: data/interviews}
features:
  interviews-mid-term:           # windows
    settings: {short_window_s: 0.05, mid_step_s: 1.0, backend: arrays}
experiments:
  interviews-source:
    balance: smote               # of the training part
    tune: {grid: {c: [0.001, 0.01]}, folds: 5, by: macro_f1}
    shuffles: 20
    calibration_folds: 5
    seeds: [7]
"""


def test_the_classifier_of_earlier_versions_becomes_a_recipe_with_the_users_values() -> None:
    result = update(OLD, OLD.replace("11", "7").replace("3", "5"), NEW)
    assert values(result.text) == {
        "evaluate": {"bootstrap": 2000},
        "corpora": {"interviews": {"reader": "interviews", "path": "data/interviews"}},
        "features": {
            "interviews-mid-term": {"settings": {"short_window_s": 0.05, "mid_step_s": 0.5, "backend": "arrays"}}
        },
        "experiments": {
            "mine": {"corpus": "a"},
            "interviews-source": {
                "balance": "smote(3)", "tune": {"grid": {"c": [0.1, 1.0]}, "folds": 3, "by": "macro_f1"},
                "shuffles": 9, "calibration_folds": 4, "seeds": [11],
            },
        },
    }  # fmt: skip
    assert "corpora:                         # name: entry\n  interviews: {reader" in result.text
    assert "    balance: smote(3)            # of the training part\n" in result.text
    assert result.notes == [
        "params.yaml: added corpora.interviews",
        "params.yaml: added features.interviews-mid-term",
        "params.yaml: added experiments.interviews-source",
        "params.yaml: train.c_grid ([1.0, 0.1]) is now experiments.interviews-source.tune.grid.c",
        "params.yaml: train.inner_folds (3) is now experiments.interviews-source.tune.folds",
        "params.yaml: train.outer_folds (4) is now experiments.interviews-source.calibration_folds",
        "params.yaml: train.smote_neighbours (3) is now experiments.interviews-source.balance",
        "params.yaml: train.seed (11) is now experiments.interviews-source.seeds",
        "params.yaml: evaluate.shuffles (9) is now experiments.interviews-source.shuffles",
        "params.yaml: acoustic.short_window_s (0.05) is now features.interviews-mid-term.settings.short_window_s",
        "params.yaml: acoustic.mid_step_s (0.5) is now features.interviews-mid-term.settings.mid_step_s",
    ]
    again = update(result.text, OLD, NEW)
    assert (again.text, again.notes) == (result.text, []), "a killed upgrade is finished without changing it again"


def test_an_entry_that_the_user_removed_is_not_added_again() -> None:
    mine = NEW[: NEW.index("  interviews-source:")].replace("experiments:", "experiments: {}")
    result = update(mine, NEW, NEW.replace("shuffles: 20", "shuffles: 30"))
    assert (result.text, result.notes) == (mine, [])


def test_entries_of_the_user_with_these_names_stay() -> None:
    mine = OLD.replace("  mine: {corpus: a}\n", "  interviews-source: {corpus: b}\n")
    result = update(mine, OLD, NEW)
    assert values(result.text)["experiments"] == {"interviews-source": {"corpus": "b"}}
    assert "params.yaml: removed train.seed, which no longer exists in this version" in result.notes
    assert "params.yaml: acoustic.mid_step_s (0.5) is now features.interviews-mid-term.settings.mid_step_s" in (
        result.notes
    )


def test_values_that_cannot_be_converted_are_moved_as_they_are() -> None:
    mine = OLD.replace("c_grid: [1.0, 0.1]", "c_grid: [high, 1.0]")
    tune = values(update(mine, OLD, NEW).text)["experiments"]["interviews-source"]["tune"]  # type: ignore[index]
    assert tune["grid"] == {"c": ["high", 1.0]}
