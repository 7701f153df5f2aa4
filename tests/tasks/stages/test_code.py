"""The stage `code`: one digest per stage and instance, with the plug-ins that it uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.core import code_version, each, paths, tables
from tasks.core.config import Config, Corpus, Experiment, Extraction
from tasks.stages import checkpoint, code


def with_recipes(settings: Config, **recipe: Any) -> Config:
    entry = {
        "corpus": "acted", "target": "emotion", "features": ["voice"], "model": {"name": "logistic"},
        "protocol": "speaker-out(2)",
    }  # fmt: skip
    return settings.model_copy(
        update={
            "corpora": {"acted": Corpus(reader="ravdess", path="acted")},
            "features": {"voice": Extraction(corpus="acted", extractor="functionals")},
            "experiments": {"trial": Experiment.model_validate(entry | recipe)},
        }
    )


def digests(config: Config) -> dict[str, str]:
    code.run(config, each=each.local(config.runtime))
    written: dict[str, str] = json.loads(paths.CODE_DIGESTS.read_text())
    return written


def test_every_stage_and_every_instance_has_a_digest(project: Path, settings: Config) -> None:
    written = digests(with_recipes(settings))
    assert {"crawl", "report", "leaderboard"} < set(written)
    instances = {"corpus@acted", "extract@voice", "inputs@trial", "experiment@trial", "page@trial"}
    assert {name for name in written if "@" in name} == instances
    assert "code" not in written
    assert list(written) == sorted(written)


def test_a_recipes_models_count(project: Path, settings: Config) -> None:
    first = digests(with_recipes(settings))
    second = digests(with_recipes(settings, model={"name": "linear-svm"}))
    assert {name for name in first if first[name] != second[name]} == {"experiment@trial"}


def test_scores_on_altered_sound_count_in_the_page_that_shows_them(project: Path, settings: Config) -> None:
    first = digests(with_recipes(settings))
    tables.write_text(paths.robustness("trial"), "{}")
    second = digests(with_recipes(settings))
    tables.write_text(paths.robustness("trial"), '{"n": 1}')
    third = digests(with_recipes(settings))
    assert {name for name in first if first[name] != second[name]} == {"page@trial"}
    assert len({each_["page@trial"] for each_ in (first, second, third)}) == 3


def test_a_recipe_that_cannot_work_stops_nothing_else(project: Path, settings: Config) -> None:
    first = digests(with_recipes(settings))
    second = digests(with_recipes(settings, model={"name": "no-such-model"}))
    assert {name for name in first if first[name] != second[name]} == {"experiment@trial"}


def test_a_local_checkpoint_is_listed_and_its_fingerprint_counts(
    project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.core.config import load
    from tasks.corpora.intake import write_entries
    from tasks.features.base import checkpoints

    (project / "Tiny BERT").mkdir()
    entry = {"corpus": "talk", "extractor": "text-embedding", "settings": {"checkpoint": "Tiny BERT"}}
    sections = {"corpora": {"talk": {"reader": "meld", "path": "talk"}}, "features": {"words": entry}}
    write_entries(paths.PARAMS, sections)
    before = digests(load(paths.PARAMS))
    config = load(paths.PARAMS)
    assert config.checkpoints == {"tiny-bert": "Tiny BERT"}
    monkeypatch.setattr(checkpoints, "fingerprint", lambda _: "0123")
    checkpoint.run(config, "tiny-bert", each=each.local(config.runtime))
    after = digests(config)
    assert {name for name in after if after[name] != before.get(name)} == {"extract@words"}


SOURCE = '''"""Docstring."""

# a comment
LIMIT = 3  # another
"""What it limits."""


class Empty:
    """Nothing."""

    TEXT = "# no comment"


def long(
    first="(",
    second='"""no docstring"""',
):
    """Explain.

    More.
    """
    return f"{first} # {second}", """kept"""
'''
EFFECTIVE = '''LIMIT = 3
class Empty:
    TEXT = "# no comment"
def long(
    first="(",
    second=\'"""no docstring"""\',
):
    return f"{first} # {second}", """kept"""'''


def test_comments_and_docstrings_are_not_code() -> None:
    assert code_version.effective(SOURCE) == EFFECTIVE


def test_all_of_the_projects_code_is_still_the_same_program_without_them() -> None:
    import ast

    def bare(tree: ast.AST) -> str:
        for node in ast.walk(tree):
            if isinstance(body := getattr(node, "body", None), list):
                body[:] = [one for one in body if not _is_text(one)] or [ast.Pass()]
        return ast.dump(tree)

    def _is_text(node: ast.AST) -> bool:
        return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)

    for path in sorted((code_version.ROOT / "tasks").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        try:
            effective = ast.parse(code_version.effective(text))
        except IndentationError:
            # a body that was a docstring only
            continue
        assert bare(effective) == bare(ast.parse(text)), path
