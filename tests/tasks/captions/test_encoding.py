"""Decoding of caption files in any text encoding."""

from __future__ import annotations

import codecs

import pytest

from tasks.captions.encoding import decode
from tasks.core.errors import Rejected

FRENCH = "1\n00:00:01,000 --> 00:00:03,000\nC'était très agréable, à bientôt, mañana über\n"


@pytest.mark.parametrize(
    "name", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
def test_western_text_in_every_encoding(name: str) -> None:
    assert decode(FRENCH.encode(name)) == FRENCH


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("cp1251", "Привет, как дела? Мне очень понравилось это интервью, спасибо большое"),
        ("cp1253", "Καλημέρα σας, πώς είστε σήμερα; Είναι πολύ ωραία μέρα"),
        ("shift_jis", "おはようございます、今日はとてもいい天気ですね"),
        ("cp1252", "I don’t know — it’s “fine”"),
    ],
)
def test_other_code_pages_are_detected(name: str, spoken: str) -> None:
    text = f"1\n00:00:01,000 --> 00:00:03,000\n{spoken}\n"
    assert decode(text.encode(name)) == text


def test_a_byte_order_mark_is_removed() -> None:
    assert decode(codecs.BOM_UTF8 + b"WEBVTT") == "WEBVTT"


@pytest.mark.parametrize("name", ["utf-8", "utf-16"])
def test_half_a_character_at_the_end_is_dropped(name: str) -> None:
    content = "très agré".encode(name)
    assert decode(content[:-1]) == "très agr"


def test_binary_files_are_rejected() -> None:
    with pytest.raises(Rejected, match="unreadable captions"):
        decode(bytes(range(256)) * 8 + b"\x00\xff\x81" * 50)


def test_an_empty_file_is_an_empty_text() -> None:
    assert decode(b"") == ""
