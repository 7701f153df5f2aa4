"""Archives: mutated ones must unpack to the original contents or be refused, and leave nothing behind."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from tasks.core.errors import InputError
from tasks.corpora.archives import unpacking
from tests.fuzz.mutation import MUTATED_SHARE, mutated
from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict, expect

_TOKENS = (
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"ustar\x0000", b"ustar  \x00", b"././@LongLink",
    b"x", b"g", b"L", b"K", b"../", b"/etc/passwd", b"..\\", b"C:\\", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00",
    b"\x08\x00", b"\x0c\x00", b"\x0e\x00", b"00000000000", b"77777777777", b"\x80\x00\x00\x00",
    b"30 path=../../x\n", b"15 size=1e99\n", b"\xe9\xff", b"PaxHeader",
)  # fmt: skip
_CONTENTS = {
    "corpus/a.wav": bytes(range(256)) * 20,
    "corpus/b.csv": b"name,label\na.wav,happy\n" * 40,
    "corpus/deep/c.txt": random.Random(7).randbytes(3000),
    "corpus/deep/empty.txt": b"",
}


def prepare(folder: Path) -> MakeTrial:
    """Return the maker of trials over archives of the same files in every packing."""
    originals = {f"{number}{suffix}": pack() for number, (suffix, pack) in enumerate(_packings())}

    def make(rng: random.Random) -> Trial:
        name = rng.choice(sorted(originals))
        content = originals[name]
        if is_mutated := rng.random() < MUTATED_SHARE:
            content = mutated(content, rng, _TOKENS, [originals[rng.choice(sorted(originals))]])
        suffix = name.lstrip("0123456789")
        # a plain tar has no checksum of its contents
        is_summed = suffix != ".tar"

        def run() -> Verdict:
            source, target = folder / f"in{suffix}", folder / "out" / "corpus"
            shutil.rmtree(folder / "out", ignore_errors=True)
            source.write_bytes(content)
            try:
                unpacking.unpack(source, target)
            except InputError as error:
                expect(source.name in str(error), f"the message does not name the archive: {error}")
                expect("\n" not in str(error), f"more than one line: {error}")
                left = list((folder / "out").rglob("*"))
                expect(not left, f"a refused archive left {left}")
                expect(is_mutated, f"a whole archive was refused: {error}")
                return "rejected"
            expect({path.name for path in folder.iterdir()} <= {"out", source.name, *_SOURCES}, "files outside")
            unpacked = [path.read_bytes() for path in target.rglob("*") if path.is_file()]
            if is_summed and not _is_another(content):
                strange = [piece for piece in unpacked if piece not in (*_CONTENTS.values(), b"x")]
                expect(not strange, f"unpacked {len(strange)} files with other contents: {strange[:1]!r:.200}")
            # a tar also holds a file with a long name
            n_files = len(_CONTENTS) + (suffix != ".zip")
            expect(is_mutated or len(unpacked) == n_files, "files are missing")
            return "accepted"

        return Trial(content, suffix, run)

    return make


_SOURCES = ("in.zip", "in.tar", "in.tar.gz", "in.tgz")


def _is_another(content: bytes) -> bool:
    """Return whether the name .tar.gz hides a container without a checksum: tarfile goes by the content."""
    return not content.startswith((b"\x1f\x8b", b"PK"))


def _packings() -> list[tuple[str, Callable[[], bytes]]]:
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    return [
        *((".zip", lambda method=method: _zip(method)) for method in methods),
        (".tar", lambda: _tar(tarfile.PAX_FORMAT)),
        (".tar", lambda: _tar(tarfile.GNU_FORMAT)),
        (".tar.gz", lambda: gzip.compress(_tar(tarfile.PAX_FORMAT), mtime=0)),
        (".tgz", lambda: gzip.compress(_tar(tarfile.GNU_FORMAT), compresslevel=0, mtime=0)),
        (".tar", lambda: bz2.compress(_tar(tarfile.USTAR_FORMAT))),
        (".tar", lambda: lzma.compress(_tar(tarfile.USTAR_FORMAT))),
    ]


def _zip(method: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, content in _CONTENTS.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return sink.getvalue()


def _tar(form: int) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as archive:
        for name, content in {**_CONTENTS, f"corpus/{'long' * 40}.txt": b"x"}.items():
            entry = tarfile.TarInfo(name if form != tarfile.USTAR_FORMAT else name[-90:])
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return sink.getvalue()


KIND = Kind("archives", 100, prepare)
