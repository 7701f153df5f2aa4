"""YAML files that people edit: limits, and one line for whatever is wrong."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tasks.core import yaml_files
from tasks.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "path", ["params.yaml", "dvc.yaml", "prefect.yaml", *(ROOT / "tasks/experiments/recipe_book").glob("*.yaml")]
)
def test_shipped_files_have_the_values_that_ruamel_reads(path: str | Path) -> None:
    from ruamel.yaml import YAML

    assert yaml_files.read(ROOT / path).content == YAML(typ="safe").load(ROOT / path)


def test_values_aliases_and_merge_keys() -> None:
    text = "base: &base {c: 1.5, n: 0x1F}\nmine:\n  <<: *base\n  c: .5\n  on: [yes, true, ~, '1', *base]\n2024: x\n"
    document = yaml_files.parse(text, "f.yaml")
    base = {"c": 1.5, "n": 31}
    assert document.content == {
        "base": base,
        "mine": {"c": 0.5, "n": 31, "on": ["yes", True, None, "1", base]},
        "2024": "x",
    }
    assert list(document.content["mine"]) == ["c", "on", "n"]
    assert [document.line(place) for place in (("mine", "c"), ("mine", "n"), ("mine", "on", 2), ("2024",))] == [
        4,
        1,
        5,
        6,
    ]
    # the line of the innermost key that the document has
    assert document.line(("mine", "on", 9, "x")) == 5
    assert yaml_files.parse("a: 2024-01-01\nb: .inf\n", "f.yaml", typed=False).content == {
        "a": "2024-01-01",
        "b": ".inf",
    }


_DOUBLED = "a: &a0 [x, x]\n" + "".join(f"k{n}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(30))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: \x00\n", "2: the control character U+0000"),
        ("a: 1\n# \x1b[31m\n", "2: the control character U+001B"),
        ('a: "\\x07"\n', "1: the control character U+0007"),
        ("a: b\udce9\n", "1: byte 0xe9 is not UTF-8"),
        ("a: 1\nb: " + "[" * 3000, "2: nested more than 50 levels deep"),
        ("a:\n" + "- " * 100_000 + "b", "2: nested more than 50 levels deep"),
        ("a: " + "1" * 5000, "1: a number of 5,000 characters"),
        ("a: 1\nb: 99999999999999999999", "2: 99999999999999999999 is too large a number"),
        ("a: 1e999", "1: 1e999 is too large a number"),
        ("a: -.inf", "1: -.inf is too large a number"),
        ("a: .nan", "1: .nan is no number that can be used"),
        ("a: 0x_", "1: 0x_ is no number"),
        ("a: 2024-01-01", "1: 2024-01-01 is a date; write it in quotes"),
        (_DOUBLED, ": more than 100,000 values, with aliases written out"),
        ("a: &a x\nb: [" + "*a, " * 20_000 + "]", "2: more than 10,000 aliases"),
        ("a: &a [*a]", "1: the alias *a stands inside what it names"),
        ("a: *b", "1: the alias *b names nothing above it"),
        ("a: &x 1\nb: &x 2", "2: the anchor &x occurs twice"),
        ("a: 1\nb: 2\na: 3", "3: the key a occurs twice, first in line 1"),
        ("a: 1\n---\nb: 2", "2: a second document begins"),
        ("%YAML 1.1\n---\na: yes", "YAML version 1.1; expected 1.2"),
        ("a:\n\t- b", "2: not valid YAML: found character that cannot start any token"),
        ("a: !!python/object/apply:os.system [x]", "1: the tag "),
        ("a: !mine 1", "1: the tag !mine; expected plain values"),
        ("a: !!binary aGk=", "1: the tag "),
        ("a: 1\n~: 2", "2: the key ~ is no text; write it in quotes"),
        ("1.5: 2", "1: the key 1.5 is no text"),
        ("? [a]\n: b", "1: a list or mapping as a key"),
        ("a: {<<: 3}", "1: << merges mappings"),
        ("a: [1", "1: not valid YAML: did not find expected"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_and_line(text: str, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        yaml_files.parse(text, "f.yaml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("f.yaml:")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\n# caf\xe9\n", ":2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("a: ü".encode("utf-16"), ":1: byte 0xff is not UTF-8"),
        (b"a: b\n" * 300_000, ": larger than 1,048,576 bytes"),
    ],
)
def test_files_of_another_encoding_or_size(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        yaml_files.check(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert yaml_files.read(path).content == {"a": 1}
    yaml_files.check(tmp_path / "absent.yaml")


def test_damaged_files_are_read_or_refused_with_one_line() -> None:
    good = (ROOT / "params.yaml").read_text(encoding="utf-8")[:3000]
    rng, refused = random.Random(19), 0
    for _ in range(100):
        place = rng.randrange(len(good))
        damage = rng.choice(
            ["[", "{", "'", '"', "\x00", "*a", "&a ", "!!x ", "\t", "- ", "? ", "\n---\n", "%", "9" * 99]
        )
        try:
            yaml_files.parse(
                good[:place] + damage * rng.choice((1, 3, 60)) + good[place + rng.randrange(9) :], "f.yaml"
            )
        except ConfigError as error:
            refused += 1
            assert str(error).startswith("f.yaml:") and str(error).isprintable()
    assert refused > 20
