import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tasks.core.errors import InputError
from tasks.simulate import site
from tasks.simulate.site import BusyOnce, File, Pages, PageTrack, SiteEntry, Text, ZeroFile

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "secret.txt").write_text("secret")
    media = tmp_path / "media" / "what now? 100%.webm"
    media.parent.mkdir()
    media.write_bytes(CONTENT)
    resources = {
        "/": Text(b"<p>index"),
        "/media/what now? 100%.webm": File(lambda: media, "audio/webm"),
        "/big": ZeroFile(300_000, "audio/webm"),
        "/busy": BusyOnce(Text(b"now"), retry_after_s=1),
    }
    with site.serve(Pages((), resources)) as url:
        yield url


def ask(base: str, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(base)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    result = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return result


MEDIA = "/media/what%20now%3F%20100%25.webm"


def test_a_file_comes_whole_with_its_type(base: str) -> None:
    status, headers, body = ask(base, MEDIA)
    assert (status, headers["content-type"], headers["accept-ranges"]) == (200, "audio/webm", "bytes")
    assert body == CONTENT


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=100-199", 100, 199), ("bytes=10000-", 10000, 10239), ("bytes=-10", 10230, 10239)],
)
def test_a_range_comes_alone(base: str, asked: str, first: int, last: int) -> None:
    status, headers, body = ask(base, MEDIA, Range=asked)
    assert (status, headers["content-range"]) == (206, f"bytes {first}-{last}/{len(CONTENT)}")
    assert body == CONTENT[first : last + 1]


def test_a_range_beyond_the_end_cannot_be_satisfied(base: str) -> None:
    status, headers, _ = ask(base, MEDIA, Range="bytes=99999-")
    assert (status, headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize(("path", "length"), [("/", "8"), (MEDIA, "10240"), ("/big", "300000")])
def test_head_has_the_length_and_no_body(base: str, path: str, length: str) -> None:
    status, headers, body = ask(base, path, "HEAD")
    assert (status, headers["content-length"], body) == (200, length, b"")


@pytest.mark.parametrize(
    "path", ["/nothing", "/media/", "/media/../secret.txt", "/media/%2e%2e/secret.txt", "//secret.txt", "/media/%00"]
)
def test_anything_else_is_not_found(base: str, path: str) -> None:
    status, _, body = ask(base, path)
    assert status == 404
    assert b"secret" not in body


def test_other_web_pages_are_refused(base: str) -> None:
    for headers in (
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "audio"},
    ):
        status, _, body = ask(base, MEDIA, **headers)
        assert (status, body == CONTENT) == (403, False), headers
    headers = ask(base, MEDIA)[1]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_busy_page_answers_the_second_time(base: str) -> None:
    status, headers, _ = ask(base, "/busy")
    assert (status, headers["retry-after"]) == (503, "1")
    assert ask(base, "/busy")[0::2] == (200, b"now")


def test_a_hollow_file_holds_what_it_says(base: str) -> None:
    assert ask(base, "/big")[2] == bytes(300_000)


def test_a_client_that_hangs_up_goes_unnoticed(base: str, capfd: pytest.CaptureFixture[str]) -> None:
    parts = urlsplit(base)
    for path in ("/big", MEDIA):
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            connection.recv(10)
    assert ask(base, "/")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_named(base: str) -> None:
    port = urlsplit(base).port
    assert port
    with pytest.raises(InputError, match=f"127.0.0.1:{port} .* simulate.port"), site.serve(Pages((), {}), port=port):
        pass


def test_titles_and_addresses_are_escaped() -> None:
    track = PageTrack('/captions/a"b.vtt', "en", automatic=True)
    page = site.watch_page(
        "<script>alert(1)</script> & co", '/media/a"b c.webm', "audio/webm", [track]
    ).content.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in page
    assert 'src="/media/a%22b%20c.webm"' in page
    assert 'srclang="en-x-auto"' in page
    index = site.index_page("x", [SiteEntry("1", "<b>", "train", '/watch/"1"')]).content.decode()
    assert '<a href="/watch/%221%22">&lt;b&gt;</a>' in index


def test_lists_have_the_columns_of_the_source_and_one_split_each(tmp_path: Path) -> None:
    entries = (SiteEntry("1", 'A, "B"', "train", "/watch/1"), SiteEntry("x y", "C", "test", "/watch/x y"))
    train, test = tmp_path / "lists" / "train.csv", tmp_path / "lists" / "test.csv"
    site.write_lists(Pages(entries, {}), "http://h:1", train, test)
    assert train.read_text() == (
        "Id,URL,Title,Audio,Captions,Polarity,Pickle\n"
        '1,http://h:1/watch/1,"A, ""B""",audio/1.wav,subtitles/1.srt,polarity_csv/polarity_1.csv,'
        "pickle_lists/polarity_1.p\n"
    )
    assert test.read_text().splitlines()[1].startswith("x y,http://h:1/watch/x%20y,C,audio/x y.wav,")
