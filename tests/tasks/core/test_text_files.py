import os
from pathlib import Path

import pytest

from tasks.core import text_files
from tasks.core.errors import InputError

PATH = Path("ratings.csv")


def rows(text: str, *, strict: bool = False) -> list[list[str]]:
    return [cells for _, cells in text_files.csv_rows(text, PATH, strict=strict)]


def items(folder: Path, content: str | bytes) -> list[object]:
    path = folder / "export.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return [item for _, item in text_files.json_items(path, "task", "a list of tasks")]


@pytest.mark.parametrize(
    "text",
    ["a,b\n1,2\n", "a,b\r\n1,2", "a,b\r1,2\r", 'a,b\n"1","2"', 'a,b\n"1",2\n'],
)
def test_line_ends_and_quotes_of_all_programs_give_the_same_rows(text: str) -> None:
    assert rows(text) == rows(text, strict=True) == [["a", "b"], ["1", "2"]]


def test_rows_carry_their_last_line_and_blank_ones_are_no_rows_of_a_table() -> None:
    text = 'a,b\n\n"two\nlines",2\n3\n'
    assert list(text_files.csv_rows(text, PATH)) == [(1, ["a", "b"]), (2, []), (4, ["two\nlines", "2"]), (5, ["3"])]
    table = text_files.csv_table(text, PATH)
    assert table.names == ("a", "b")
    assert [(row.line, row.cells, row.is_ragged) for row in table.rows] == [
        (4, {"a": "two\nlines", "b": "2"}, False),
        (5, {"a": "3", "b": ""}, True),
    ]
    assert text_files.csv_table("", PATH) == text_files.CsvTable((), ())


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'a,b\n1,"two\n3,4\n5,6\n',
            "line 2: cannot be read as a CSV file: a quotation mark is opened and never closed",
        ),
        ('a,b\n1,2\n"', "line 3: cannot be read as a CSV file: a quotation mark is opened and never closed"),
        ('a\n"' + "x" * 200_000 + '"\n', r"line 2: a cell of more than 131,072 characters; is a quotation mark left"),
        ("a\n1\n" + "," * 99_999, "line 3 has 100,000 cells; the limit is 1,000"),
        ("a,b\n1,2\n3,\0\n", "line 3: found a NUL character; is the file UTF-16 or damaged"),
        ("a,b".encode("utf-16-le").decode("latin-1"), "line 1: found a NUL character"),
    ],
)
def test_tables_that_are_none_name_file_and_line(text: str, message: str, strict: bool) -> None:
    with pytest.raises(InputError, match=f"^ratings.csv: {message}"):
        rows(text, strict=strict)


def test_text_after_a_closing_quotation_mark_is_an_error_only_where_it_is_asked_for() -> None:
    assert rows('a\n"b"c\n') == [["a"], ["bc"]]
    with pytest.raises(InputError, match=r"line 2: cannot be read as a CSV file: .* correct the quotes"):
        rows('a\n"b"c\n', strict=True)


@pytest.mark.parametrize("cell", ["1", " 2.50 ", "-.5", "+3.", "1e3", "1E-3"])
def test_numbers_in_digits_are_numbers(cell: str) -> None:
    assert text_files.number(cell) == float(cell)


@pytest.mark.parametrize(
    "cell", ["", "²", "١٢", "１２", "1_000", "nan", "-inf", "1e999", "0x10", "1,5", "9" * 5000, "--1"]
)
def test_other_numbers_are_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="is no number in the digits 0 to 9"):
        text_files.number(cell)
    with pytest.raises(ValueError, match="is no whole number"):
        text_files.whole_number(cell)


def test_whole_numbers_fit_into_a_table() -> None:
    assert text_files.whole_number("-2147483647") == -text_files.MAX_WHOLE
    for cell in ("2147483648", "9" * 390, "1.0"):
        with pytest.raises(ValueError, match="whole number up to 2,147,483,647"):
            text_files.whole_number(cell)


def test_a_file_has_a_size_limit_and_is_no_pipe(tmp_path: Path) -> None:
    path, pipe = tmp_path / "a.csv", tmp_path / "pipe.csv"
    path.write_bytes(b"x" * (1 << 20) + b"y")
    with pytest.raises(InputError, match=r"a\.csv: larger than 1 MiB, the limit for such files; split it"):
        text_files.read_bytes(path, 1 << 20)
    os.mkfifo(pipe)
    with pytest.raises(InputError, match=r"pipe\.csv: found a device or a pipe, expected a file"):
        text_files.read_bytes(pipe)
    with pytest.raises(InputError, match="a folder is where a file is expected"):
        text_files.read_bytes(tmp_path)
    with pytest.raises(InputError, match=r"none\.csv: there is no such file"):
        text_files.read_bytes(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\n\xff\n", r"line 3 is not UTF-8 \(invalid start byte at byte 4\); save the file as UTF-8"),
        ("a,b".encode("utf-16"), "not UTF-8 but UTF-16; save the file as UTF-8"),
    ],
)
def test_another_encoding_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        text_files.read_text(path)
    path.write_bytes(b"\xef\xbb\xbfa")
    assert text_files.read_text(path) == "a"


@pytest.mark.parametrize("content", ["[]", " [ ] \n", '[{"a": [1, 2.5]}, null]', '\ufeff[{"a": [1, 2.5]},\n null\n]\n'])
def test_json_lists_are_read(tmp_path: Path, content: str) -> None:
    assert items(tmp_path, content) in ([], [{"a": [1, 2.5]}, None])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}', 'found {"a": 1}, expected a list of tasks'),
        ("", "found nothing, expected a list of tasks"),
        ('[1, {"a": 1, "b": 2, "a": 3}]', r"task 2: cannot be read as JSON \(the key 'a' occurs twice\)"),
        ("[1, 2, " + "9" * 5000 + "]", r"task 3: cannot be read as JSON \(a number of 5,000 digits; the limit is 30\)"),
        ("[NaN]", r"task 1: cannot be read as JSON \(NaN is no number in JSON\)"),
        ("[1, -Infinity]", r"task 2: .* \(-Infinity is no number in JSON\)"),
        ("[1, " + "[" * 100_000, "task 2: lists or objects nested too deep"),
        ('[{"a":' + '{"a":' * 100_000, "task 1: lists or objects nested too deep"),
        ('[1,\n{"a" 2}]', r"task 2: cannot be read as JSON \(.*line 2 column 6"),
        ("[1\n2]", r"task 1: cannot be read as JSON \(in line 2, expected , or \] after it\)"),
        ("[1,]", "task 2: cannot be read as JSON"),
        ("[1]\n]", r"cannot be read as JSON \(line 2: text after the end of the list\)"),
        ("[1", r"task 1: cannot be read as JSON \(in line 1, expected , or \] after it\)"),
        ("[", "task 1: cannot be read as JSON"),
        (b"[\xff]", "line 1 is not UTF-8"),
    ],
)
def test_json_that_is_none_names_file_and_item(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=rf"export\.json: {message}") as error:
        items(tmp_path, content)
    assert len(str(error.value)) < 400


def test_texts_in_messages_are_short_and_on_one_line() -> None:
    assert text_files.shown("a\nb\u202e") == "a\\nb\\u202e"
    assert text_files.quoted("x" * 100_000) == f"'{'x' * 80}'…"
    assert text_files.listed(["a"] * 100_000) == "a, " * 10 + "… and 99,990 more"
    assert text_files.listed([]) == "none"


@pytest.mark.parametrize(("text", "storable"), [("così 日本 🙂", True), ("a\0", False), ("\ud800", False)])
def test_texts_that_files_cannot_hold_are_recognised(text: str, storable: bool) -> None:
    assert text_files.is_storable(text) is storable
