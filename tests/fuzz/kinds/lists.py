"""Crawl lists: mutated ones must be read or refused by file and row; valid ones in any dialect give their rows."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from urllib.parse import urlsplit

from tasks.core.errors import UndertoneError
from tasks.fetching import identity, lists
from tests.fuzz.mutation import mutated
from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict, expect

_TOKENS = (
    b'"', b'""', b",", b";", b"\t", b"\r\n", b"\n", b"\x00", b"http://", b"https://", b"file:///etc/passwd", b"Id",
    b"URL", b"http://[::1", b"http://a:99999/", b"http://user:pass@a/", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc2\xb2",
    b"../", b"#", b"https://youtu.be/dQw4w9WgXcQ", b"javascript:alert(1)", b"\xe2\x80\xae", b"%00",
)  # fmt: skip
_MUTATED_SHARE = 0.8


def prepare(folder: Path) -> MakeTrial:
    """Return the maker of trials."""

    def make(rng: random.Random) -> Trial:
        urls = [f"https://example.org/watch/{rng.getrandbits(40):x}" for _ in range(rng.randint(1, 8))]
        suffix = rng.choice((".csv", ".csv", ".txt"))
        content = _table(urls, rng) if suffix == ".csv" else _lines(urls, rng)
        if is_mutated := rng.random() < _MUTATED_SHARE:
            content = mutated(content, rng, _TOKENS)

        def run() -> Verdict:
            path = folder / f"list{suffix}"
            path.write_bytes(content)
            try:
                entries = lists.read(path, "train")
            except UndertoneError as error:
                expect(path.name in str(error), f"the message does not name the file: {error}")
                expect(is_mutated, f"a valid list was refused: {error}")
                return "rejected"
            for entry in entries:
                expect(bool(identity.ID_PATTERN.fullmatch(entry.id)), f"an unsafe id: {entry.id!r}")
                expect(urlsplit(entry.url).scheme in ("http", "https"), f"not http: {entry.url!r}")
            expect(is_mutated or [entry.url for entry in entries] == urls, f"{entries} instead of {urls}")
            return "accepted"

        return Trial(content, suffix, run)

    return make


def _table(urls: list[str], rng: random.Random) -> bytes:
    sink = io.StringIO(newline="")
    end, quoting = rng.choice(("\r\n", "\n")), rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    writer = csv.writer(sink, lineterminator=end, quoting=quoting)
    writer.writerow(
        rng.choice((["Id", "URL", "Title"], ["ID", "url", "title", "Audio", "Captions", "Polarity", "Pickle"]))
    )
    for number, url in enumerate(urls):
        writer.writerow([f"v{number}", url, f'A "talk", part {number}\nsecond line'])
    return rng.choice((b"", b"\xef\xbb\xbf")) + sink.getvalue().encode()


def _lines(urls: list[str], rng: random.Random) -> bytes:
    end = rng.choice(("\n", "\r\n"))
    return (f"# a comment{end}{end}" + end.join(urls) + rng.choice(("", end))).encode()


KIND = Kind("lists", 80, prepare)
