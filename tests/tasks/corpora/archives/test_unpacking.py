"""Unpacking: damaged, unsafe and oversized archives are refused in one line and leave nothing; archives in archives."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import shutil
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core.errors import InputError
from tasks.corpora.archives import limits, unpacking

FILES = {"top/a.wav": b"sound " * 300, "top/folder/b.wav": random.Random(1).randbytes(700), "top/ä.txt": b"text"}


def zip_info(name: str, method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name or "?")
    info.filename, info.compress_type = name, method
    return info


def zipped(files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in files.items():
            with file.open(zip_info(name, method), "w") as entry:
                entry.write(content)
    return buffer.getvalue()


def tarred(files: dict[str, bytes] = FILES, tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


Unpack = Callable[[str, bytes], dict[str, bytes]]


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpack:
    """Unpack bytes as an archive of a name; a refused one must leave nothing."""

    def unpack(name: str, packed: bytes) -> dict[str, bytes]:
        archive, target = tmp_path / name, tmp_path / "target"
        archive.write_bytes(packed)
        try:
            unpacking.unpack(archive, target)
        except InputError as error:
            assert not target.exists()
            assert "\n" not in str(error)
            assert str(archive) in str(error)
            raise
        content = tree(target)
        shutil.rmtree(target)
        return content

    return unpack


WHOLE = {
    "a.zip": zipped(), "stored.zip": zipped(method=zipfile.ZIP_STORED), "b.zip": zipped(method=zipfile.ZIP_BZIP2),
    "l.zip": zipped(method=zipfile.ZIP_LZMA), "a.tar": tarred(), "gnu.tar": tarred(tar_format=tarfile.GNU_FORMAT),
    "a.tar.gz": gzip.compress(tarred()), "a.tgz": gzip.compress(tarred()[:700]) + gzip.compress(tarred()[700:]),
    "a.tar.bz2": bz2.compress(tarred()), "a.tar.xz": lzma.compress(tarred()), "A.ZIP": zipped(),
    "really-a-zip.tar.gz": zipped(), "not-compressed.tgz": tarred(),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_whole_archives_are_unpacked_completely(name: str, unpacked: Unpack) -> None:
    assert unpacked(name, WHOLE[name]) == FILES


@pytest.mark.parametrize("name", [name for name, whole in WHOLE.items() if whole[257:262] != b"ustar"])
def test_a_mutated_archive_is_refused_or_has_the_same_content(name: str, unpacked: Unpack) -> None:
    source = random.Random(name)
    whole = WHOLE[name]
    for _ in range(25):
        mutant = bytearray(whole)
        place = source.randrange(len(mutant))
        mutant[place] ^= 1 << source.randrange(8)
        if source.random() < 0.3:
            del mutant[place : place + source.choice((1, 100, 512))]
        try:
            content = unpacked(name, bytes(mutant))
        except InputError:
            continue
        # a time or a comment may differ, but no file
        assert content == FILES


DAMAGED: dict[str, tuple[str, bytes, str]] = {
    "deflate": ("a.zip", WHOLE["a.zip"].replace(zipped()[45:60], b"\xff" * 15, 1), "damaged"),
    "an empty name": ("a.zip", zipped({"": b"content"}), "a file is named ''"),
    "a name of dots": ("a.tar", tarred({".": b"content"}), "a file is named '.'"),
    "a long name": ("a.tar", tarred({"n" * 300: b"content"}), "too long: over 255 bytes"),
    "a long name in Unicode": ("a.zip", zipped({"ж" * 130: b"content"}), "too long: over 255 bytes"),
    "a deep folder": ("a.tar", tarred({"folder/" * 600 + "a.wav": b"content"}), "too long"),
    "a file where a folder must be": ("a.tar", tarred({"a": b"1", "a/b.wav": b"2"}), "'a/b.wav' is a file"),
    "the reverse": ("a.zip", zipped({"a/b.wav": b"2", "a": b"1"}), "'a' is a file and a folder"),
    "a name twice": ("a.tar", tarred({"a": b"1"})[:1024] + tarred({"a": b"2"}), "'a' is in it twice"),
    "cut at the end of a file": ("a.tar", tarred({"a": b"1"})[:1024], "it ends without an end mark"),
    "cut in a file": ("a.tar", tarred({"a": b"1" * 600})[:1100], "ends in the middle of 'a'"),
    "cut in a header": ("a.tar", tarred({"a": b"1", "b": b"2"})[:1300], "truncated"),
    "a damaged second header": ("a.tar", tarred({"a": b"1", "b": b"2"}).replace(b"b\0\0", b"c\0\0", 1), "bad checksum"),
    "two archives in one": ("a.tar", tarred() + tarred(), "data after the end mark"),
    "gzip with something after it": ("a.tar.gz", gzip.compress(tarred()) + b"more", "Not a gzipped file"),
    "a wrong checksum": ("a.tar.gz", gzip.compress(tarred())[:-8] + b"1234" + gzip.compress(tarred())[-4:], "CRC"),
    "a wrong length": ("a.tar.gz", gzip.compress(tarred())[:-4] + b"1234", "length"),
    "gzip cut short": ("a.tar.gz", gzip.compress(tarred())[:-9], "ended before the end"),
    "xz cut short": ("a.tar.xz", lzma.compress(tarred())[:-30], "damaged"),
    "bz2 with a damaged second part": ("a.tar.bz2", bz2.compress(tarred()[:900]) + b"BZh?", "damaged"),
    "no archive": ("a.tar.gz", b"<html>Not found</html>", "damaged"),
    "nothing": ("a.zip", b"", "no directory"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_archive_is_one_line_and_leaves_nothing(case: str, unpacked: Unpack) -> None:
    name, content, message = DAMAGED[case]
    with pytest.raises(InputError, match=message):
        unpacked(name, content)


def test_a_flipped_bit_in_a_stored_block_of_gzip(unpacked: Unpack) -> None:
    stored = gzip.compress(tarred(), compresslevel=0)
    place = stored.index(b"sound sound") + 3
    with pytest.raises(InputError, match="CRC check failed"):
        unpacked("silent.tar.gz", stored[:place] + b"X" + stored[place + 1 :])


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_headers_count_towards_the_limit_before_they_are_in_memory(kind: bytes, unpacked: Unpack) -> None:
    n_bytes = 40_000_000
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, n_bytes
    content = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(n_bytes) + tarred(), compresslevel=1)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="a header of 40,000,000 bytes, allowed are 1,048,576"):
            unpacked("a.tar.gz", content)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_many_small_headers_count_too(unpacked: Unpack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SMALL_BYTES", 100_000)
    header = tarfile.TarInfo("header")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1000
    with pytest.raises(InputError, match="a bomb, or damaged"):
        unpacked("a.tar.gz", gzip.compress((header.tobuf() + bytes(1024)) * 1000 + tarred()))


def test_pax_headers_with_long_names_sizes_and_damage(unpacked: Unpack) -> None:
    names = {"folder/" * 30 + "é" * 100 + ".wav": b"1", "b.wav": b"2"}
    for tar_format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        assert unpacked("a.tar", tarred(names, tar_format)) == names
    pax = tarred(names)
    assert b" path=" in pax
    for damage in (pax.replace(b" path=", b"?path=", 1), pax.replace(b" path=", b" path:", 1)):
        with pytest.raises(InputError, match="PAX header"):
            unpacked("damaged.tar", damage)


def test_links_devices_and_sparse_files_are_refused(unpacked: Unpack) -> None:
    for kind, name in (
        (tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "link"), (tarfile.CHRTYPE, "device"), (tarfile.FIFOTYPE, "device"),
        (tarfile.GNUTYPE_SPARSE, "sparse file"),
    ):  # fmt: skip
        entry = tarfile.TarInfo("a.wav")
        entry.type, entry.linkname = kind, "/etc/passwd"
        with pytest.raises(InputError, match=f"is a {name}; only files"):
            unpacked("a.tar", entry.tobuf() + bytes(1024))
    linked = zipfile.ZipInfo("link.wav")
    linked.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(linked, "/etc/passwd")
    with pytest.raises(InputError, match="is a link; only files"):
        unpacked("a.zip", buffer.getvalue())


def test_a_password_and_an_unknown_compression_are_named(unpacked: Unpack) -> None:
    whole = zipped({"a.wav": b"content"})
    directory = whole.index(b"PK\1\2")
    encrypted = whole[: directory + 8] + b"\1\0" + whole[directory + 10 :]
    with pytest.raises(InputError, match=r"'a\.wav' needs a password; unpack it yourself"):
        unpacked("a.zip", encrypted)
    deflate64 = whole[: directory + 10] + b"\x09\0" + whole[directory + 12 :]
    with pytest.raises(InputError, match="compressed by method 9, which cannot be"):
        unpacked("a.zip", deflate64)


def test_two_entries_of_one_content_and_entries_that_the_end_does_not_count(unpacked: Unpack) -> None:
    whole = zipped({"a.wav": b"content", "b.wav": b"content"})
    first, second = whole.index(b"PK\1\2"), whole.rindex(b"PK\1\2")
    # both entries refer to the first content, as in overlapping bombs
    overlapping = whole[: second + 42] + whole[first + 42 : first + 46] + whole[second + 46 :]
    with pytest.raises(InputError, match="damaged"):
        unpacked("a.zip", overlapping)
    end = whole.rindex(b"PK\5\6")
    fewer = whole[: end + 8] + struct.pack("<2H", 1, 1) + whole[end + 12 :]
    with pytest.raises(InputError, match="2 entries in the directory, 1 stated"):
        unpacked("a.zip", fewer)


def test_millions_of_entries_are_refused_before_they_are_listed(
    unpacked: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_FILES", 20)
    files = {f"{number}.wav": b"" for number in range(21)}
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(InputError, match="more than 20 files"):
        unpacked("a.zip", MANY)
    with pytest.raises(InputError, match="more than 20 files"):
        unpacked("a.tar", tarred(files))


MANY = zipped({f"{number}.wav": b"" for number in range(21)})


def test_names_that_are_not_utf_8_are_read_as_latin_1(unpacked: Unpack) -> None:
    entry = tarfile.TarInfo("Überblick.txt")
    content = entry.tobuf(tarfile.GNU_FORMAT, encoding="latin-1") + bytes(1024)
    assert unpacked("a.tar", content) == {"Überblick.txt": b""}


def test_archives_in_the_archive_become_folders(unpacked: Unpack) -> None:
    inner = gzip.compress(tarred({"train_splits/dia0_utt0.mp4": b"film"}))
    files = {
        "MELD.Raw/train.tar.gz": inner, "MELD.Raw/dev.zip": zipped({"dev/deep.tar": tarred({"c.wav": b"sound"})}),
        "MELD.Raw/train/a.csv": b"a,b", "MELD.Raw/not-an-archive.zip": b"version https://git-lfs", "x.csv": b"",
    }  # fmt: skip
    assert unpacked("MELD.Raw.tar.gz", gzip.compress(tarred(files))) == {
        # a folder `train` is there already
        "MELD.Raw/train.tar.gz/train_splits/dia0_utt0.mp4": b"film",
        "MELD.Raw/train/a.csv": b"a,b",
        "MELD.Raw/dev/dev/deep/c.wav": b"sound",
        "MELD.Raw/not-an-archive.zip": b"version https://git-lfs",
        "x.csv": b"",
    }


def test_a_damaged_archive_in_an_archive_is_named(unpacked: Unpack) -> None:
    damaged = gzip.compress(tarred())[:-9]
    with pytest.raises(InputError, match=r"outer.zip: 'x/train.tar.gz' in it: cannot be unpacked: damaged"):
        unpacked("outer.zip", zipped({"x/train.tar.gz": damaged}))


def test_archives_that_cannot_be_unpacked_here_stay_packed(tmp_path: Path) -> None:
    linked = tarfile.TarInfo("code/link.py")
    linked.type, linked.linkname = tarfile.SYMTYPE, "other.py"
    code = linked.tobuf() + bytes(1024)
    deep = zipped({"3.zip": zipped({"4.zip": zipped({"5.zip": zipped()})})})
    (tmp_path / "a.zip").write_bytes(zipped({"code.tar": code, "2.zip": deep, "a.wav": b"sound"}))
    left_packed = unpacking.unpack(tmp_path / "a.zip", tmp_path / "target")
    assert {name: why[:40] for name, why in left_packed.items()} == {
        "code.tar": "'code/link.py' is a link; only files and",
        "2.zip/3.zip/4.zip": "more than 3 archives in each other",
    }
    assert sorted(tree(tmp_path / "target")) == ["2/3/4.zip", "a.wav", "code.tar"]


def test_archives_in_archives_share_the_limits(unpacked: Unpack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SMALL_BYTES", 1_000_000)
    inner = {f"{number}.zip": zipped({"a.wav": bytes(400_000)}) for number in range(4)}
    with pytest.raises(InputError, match="a bomb, or damaged"):
        unpacked("a.zip", zipped(inner))


def test_a_folder_whose_name_hides_a_file(unpacked: Unpack) -> None:
    whole = zipped({"folder/name.wav": b"content"}).replace(b"folder/name.wav", b"folder/\0ame.wav")
    with pytest.raises(InputError, match="leads out of the folder"):
        unpacked("a.zip", whole)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_a_bomb_is_never_in_memory(method: int, unpacked: Unpack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SMALL_BYTES", 1_000_000)
    bomb = zipped({"a.wav": bytes(40_000_000)}, method)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="a bomb, or damaged"):
            unpacked("a.zip", bomb)
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_content_of_all_sizes_and_what_lies_about_its_size(method: int, unpacked: Unpack) -> None:
    files = {str(n): random.Random(n).randbytes(n // 2) + bytes(n - n // 2) for n in (0, 1, 70_000, 1 << 21)}
    whole = zipped(files, method)
    assert unpacked("a.zip", whole) == files
    assert unpacked("a.zip", whole + b"\r\n") == files
    for stated in (69_999, 70_001):
        with pytest.raises(InputError, match="damaged"):
            unpacked("a.zip", whole.replace(struct.pack("<L", 70_000), struct.pack("<L", stated)))


def test_a_name_that_is_said_to_be_utf_8_and_is_not(unpacked: Unpack) -> None:
    with pytest.raises(InputError, match="damaged"):
        unpacked("a.zip", zipped({"ä.wav": b"content"}).replace("ä".encode(), b"\xff\xfe"))
