"""Names of results: readable in every script, short enough, and each owned by one source."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tasks.core.errors import InputError
from tasks.on_demand import result_names

ENDINGS = (".csv", ".png")


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("interview_2.part-1", "interview_2.part-1"),
        ("Беседа о погоде", "Беседа-о-погоде"),
        ("日本語", "日本語"),
        ("हिन्दी में बात", "हिन्दी-में-बात"),
        (unicodedata.normalize("NFD", "Gespräch é"), "Gespräch-é"),
        ("../../etc/passwd", "etc-passwd"),
        ('a:b?c*d|e\\f"g<h>i\0j\nk', "a-b-c-d-e-f-g-h-i-j-k"),
        ("trailing dots... ", "trailing-dots"),
        (".hidden", "hidden"),
        ("txt.exe\u202egnp", "txt.exe-gnp"),
        ("\udcff\udcfe", "media"),
        ("🎙️🎧", "media"),
        ("…", "media"),
        ("", "media"),
    ],
)
def test_a_name_holds_letters_and_digits_of_any_script(title: str, expected: str) -> None:
    assert result_names.readable(title) == expected


@pytest.mark.parametrize("letter", ["x", "é", "語", "𝔸"])
def test_a_long_name_is_cut_between_characters(letter: str, tmp_path: Path) -> None:
    name = result_names.readable(letter * 400)
    assert set(name) == {unicodedata.normalize("NFC", letter)}
    assert 110 < len(name.encode()) <= 120
    first, second = (result_names.claim(tmp_path, name, source, ENDINGS) for source in ("a", "b"))
    assert len({first, second}) == 2


def test_the_first_source_gets_the_name_and_each_keeps_its_own(tmp_path: Path) -> None:
    def names() -> list[str]:
        return [result_names.claim(tmp_path, "talk", source, ENDINGS) for source in ("a/talk.wav", "b/talk.wav", "c")]

    first = names()
    assert first[0] == "talk"
    assert len(set(first)) == 3
    assert names() == first


def test_files_without_a_record_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "talk.png").write_text("of someone else")
    name = result_names.claim(tmp_path, "talk", "a", ENDINGS)
    assert name.startswith("talk-")
    assert result_names.claim(tmp_path, "talk", "a", ENDINGS) == name
    for path in tmp_path.glob(".*"):
        path.unlink()
    (tmp_path / f"{name}.csv").touch()
    with pytest.raises(InputError, match=r"talk and talk-.* hold other results; move them, or use --out FOLDER"):
        result_names.claim(tmp_path, "talk", "a", ENDINGS)


def test_an_empty_record_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".talk.source").touch()
    assert result_names.claim(tmp_path, "talk", "a", ENDINGS) == "talk"
    assert result_names.claim(tmp_path, "talk", "b", ENDINGS) != "talk"
