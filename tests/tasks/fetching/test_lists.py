"""Lists of interviews: accepted forms, and the error message of each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core.errors import InputError
from tasks.fetching import identity, lists

HEADER = "Id,URL,Title,Audio,Captions,Polarity,Pickle\n"


def write(folder: Path, text: str, name: str = "list.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_sources_format_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = HEADER + '7,https://a.example/x,"Déjà vu, à Zürich – encore",a.wav,b.srt,c.csv,d.p\n'.replace("–", "-")
    (entry,) = lists.read(write(tmp_path, text, encoding=encoding), "train")
    assert (entry.split, entry.id, entry.url) == ("train", "7", "https://a.example/x")
    assert entry.where.endswith("list.csv, row 2")


def test_the_encoding_of_a_long_list_is_guessed_where_it_is_not_utf_8(tmp_path: Path) -> None:
    rows = [f"https://a.example/{number},plain words\n" for number in range(9_999)]
    rows += [f"https://b.example/{number},schön über Köln gefahren, für ältere Bürger\n" for number in range(20)]
    path = tmp_path / "list.csv"
    path.write_bytes(("URL,Title\n" + "".join(rows)).encode("cp1252"))
    assert len(lists.read(path, "train")) == 10_019


def test_only_the_url_is_required_and_ids_are_derived(tmp_path: Path) -> None:
    path = write(tmp_path, " url \nhttps://youtu.be/xoUZD1UH_uY\n\nhttps://a.example/interviews/One%20Two.html?x=1\n")
    youtube, other = lists.read(path, "test")
    assert youtube.id == "xoUZD1UH_uY"
    assert other.id.startswith("One-20Two-")
    assert identity.ID_PATTERN.fullmatch(other.id)
    assert lists.read(path, "test")[1].id == other.id


def test_a_text_file_holds_one_url_per_line(tmp_path: Path) -> None:
    path = write(tmp_path, "# mine\nhttps://a.example/1\n\n https://a.example/2 \n", "list.txt")
    assert [entry.url for entry in lists.read(path, "train")] == ["https://a.example/1", "https://a.example/2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the list is empty"),
        (HEADER, "the list is empty"),
        ("\n\n", "the list is empty"),
        ("Id,Link\n1,https://a.example/\n", "row 1: found the columns Id, Link; expected one named URL"),
        ("https://a.example/1\nhttps://a.example/2\n", r"expected one named URL .*must not end in \.csv"),
        (
            HEADER + "1,https://a.example/1\n1,https://a.example/2\n",
            "row 3: found the Id '1', as in .*row 2; give each video its own Id",
        ),
        (HEADER + "../../etc/x,https://a.example/1\n", "row 2: found the Id '../../etc/x'; expected 1 to 64 letters"),
        (HEADER + f"{'x' * 65},https://a.example/1\n", "expected 1 to 64 letters"),
        (HEADER + "a b,https://a.example/1\n", "expected 1 to 64 letters"),
        (HEADER + "1,file:///etc/passwd\n", "row 2: found 'file:///etc/passwd'; expected a URL that starts with http"),
        (HEADER + "1,ytsearch:cats\n", "expected a URL that starts with http"),
        (HEADER + "1,-o/tmp/x\n", "expected a URL that starts with http"),
        (HEADER + "1,http://\n", "expected a URL that starts with http"),
        (HEADER + "1,http://a.example:99999/\n", "which is not a URL"),
        (HEADER + "1,http://[::1/\n", "which is not a URL"),
        (HEADER + f"1,http://a.example:{'9' * 5000}/\n", r"^.{1,400}which is not a URL .its host or port is invalid.$"),
        ("#" * (16 << 20) + HEADER, "larger than 16 MiB, the limit for such files; split it"),
        (HEADER + "1,https://me:secret@a.example/\n", "found a user name or password in the URL; remove it"),
        (HEADER + "1,\n", "row 2: found no URL"),
        (HEADER + '1,https://a.example/1,"open\n2,https://a.example/2,\n', "line 2: .* a quotation mark is opened"),
        (HEADER + '1,https://a.example/1,"' + "x" * 200_000, "line 2: a cell of more than 131,072 characters"),
        (HEADER + "1,https://a.example/1,\0\n", "line 2: found a NUL character"),
        ("x," * 99_999 + "URL\n", "line 1 has 100,000 cells; the limit is 1,000"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lists.read(write(tmp_path, text), "train")


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    rows = "".join(f"{n},ftp://a.example/{n}\n" for n in range(14))
    with pytest.raises(InputError) as caught:
        lists.read(write(tmp_path, HEADER + rows), "train")
    assert len(str(caught.value).splitlines()) == 11
    assert "… and 4 more" in str(caught.value)


def test_a_password_in_a_url_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        lists.read(write(tmp_path, HEADER + "1,https://me:secret@a.example/\n"), "train")
    assert "secret" not in str(caught.value)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: there is no such list"):
        lists.read(tmp_path / "none.csv", "train")


@pytest.mark.parametrize(
    "other",
    [
        "https://youtu.be/xoUZD1UH_uY?t=5",
        "https://m.youtube.com/watch?v=xoUZD1UH_uY&list=PL1",
        "https://www.youtube.com/shorts/xoUZD1UH_uY",
        "http://www.youtube-nocookie.com/embed/xoUZD1UH_uY",
    ],
)
def test_a_video_in_both_lists_is_found_under_another_url(other: str) -> None:
    entry = lists.ListEntry("train", "1", "https://www.youtube.com/watch?v=xoUZD1UH_uY", "a.csv, row 2")
    with pytest.raises(InputError, match=r"a\.csv, row 2 and b\.csv, row 9"):
        lists.check_disjoint([entry, lists.ListEntry("test", "2", other, "b.csv, row 9")])


def test_different_videos_are_not_confused() -> None:
    urls = [
        "https://youtu.be/xoUZD1UH_uY",
        "https://youtu.be/Sx8kUBBjzQY",
        "https://vimeo.com/1",
        "https://a.example/?v=1",
    ]
    entries = [lists.ListEntry(split, "1", url, "") for split, url in zip(["train", "test"] * 2, urls, strict=True)]
    lists.check_disjoint(entries)
    assert lists.without_repeats(entries) == (entries, [])


def test_urls_of_the_same_page_are_the_same_video() -> None:
    same = ["http://www.A.example:80/x/?b=2&a=1&utm_source=m#t", "https://a.example/x?a=1&b=2"]
    assert len({identity.identity(url) for url in same}) == 1
    assert identity.identity("https://vimeo.com/12") == identity.identity("https://player.vimeo.com/video/12")


@pytest.mark.parametrize("parts", [("1", "a/b"), ("1", "-x"), ("é",), ("x" * 70, "y"), ("..", "etc")])
def test_joined_ids_are_safe_and_distinct(parts: tuple[str, ...]) -> None:
    made = identity.safe_id(*parts)
    assert identity.ID_PATTERN.fullmatch(made)
    assert made != identity.safe_id(*parts[:-1], parts[-1] + "!")


@pytest.mark.real
def test_the_sources_own_lists_are_read(real_data: Path) -> None:
    folder = real_data / "interviews"
    train = lists.read(folder / "dataset_train.csv", "train")
    test = lists.read(folder / "dataset_test.csv", "test")
    assert len(train) > 100
    assert len(test) == 11
    lists.check_disjoint([*train, *test])
