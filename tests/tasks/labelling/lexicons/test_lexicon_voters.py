"""Voters of single languages: signs, abstention on texts of other languages, missing packages."""

from __future__ import annotations

import math
from importlib import util
from typing import Any

import pytest

pytest.importorskip("labMTsimple", reason="needs the extra `lexicons`")

from tasks.core.errors import ConfigError
from tasks.labelling.base import registry
from tasks.labelling.base.voter_input import VoterInput
from tasks.labelling.lexicons import package_data

TEXTS = {
    "de": ("Ich bin sehr glücklich", "Ich hasse diesen schrecklichen Tag", "Ich bin hier nicht glücklich"),
    "es": ("Estoy muy feliz", "Odio este horrible trabajo", "Yo no estoy feliz aquí"),
    "fr": ("Je suis très heureuse", "Je déteste ce travail horrible", "Je ne suis pas heureuse"),
}


@pytest.mark.parametrize("name", ["labmt_de", "labmt_es", "labmt_fr", "textblob_de", "textblob_fr"])
def test_signs_ranges_and_abstention(name: str) -> None:
    voter, language = registry.load(name), name[-2:]
    good, bad, negated = voter.cast(TEXTS[language]).polarities
    assert -1 <= bad < 0 < good <= 1
    assert negated < 0
    unknown = ["Xyzzy plugh qwrtz", "", "...", "12 34"]
    assert all(math.isnan(vote) for vote in voter.cast(unknown).polarities)
    elsewhere = [VoterInput(text, language="pt") for text in TEXTS[language]]
    assert all(math.isnan(vote) for vote in voter.cast(elsewhere).polarities)


def test_labmt_abstains_on_english_texts_of_unstated_language() -> None:
    texts = ["They moved the wooden table into another room yesterday", "I hate this awful weather so much"]
    for name in ("labmt_de", "labmt_es", "labmt_fr"):
        assert all(math.isnan(vote) for vote in registry.load(name).cast(texts).polarities), name


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    find = util.find_spec
    monkeypatch.setattr(package_data, "find_spec", lambda name: None if name == "labMTsimple" else find(name))
    registry.load.cache_clear()
    with pytest.raises(ConfigError, match=r"labmt_es needs the package labMTsimple.*undertone-ser\[lexicons\]"):
        registry.load("labmt_es")


def test_a_package_without_the_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"labmt_es cannot read .*labMTsimple/nothing\.txt"):
        package_data.read("labmt_es", "labMTsimple", "nothing.txt")


def test_gzipped_files_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import gzip

    (tmp_path / "words.txt.gz").write_bytes(gzip.compress("größe\t1\n".encode()))
    spec = util.spec_from_file_location("words", tmp_path / "x.py", submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(package_data, "find_spec", lambda name: spec)
    assert package_data.read("v", "words", "words.txt.gz") == "größe\t1\n"
