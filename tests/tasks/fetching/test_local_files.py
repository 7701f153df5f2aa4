"""Recordings on disk: any name, any container, the captions beside them, and what is skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import config
from tasks.core.errors import InputError, Rejected
from tasks.fetching import client, failures, identity, lists, local_files


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"content of " + name.encode())
    return folder


def rules(settings: config.Config, **changes: object) -> local_files.FetchRules:
    return client.fetch_rules(settings.crawl.model_copy(update=changes))


def test_recordings_in_any_container_and_capitals(tmp_path: Path) -> None:
    names = ("a.opus", "b.MKV", "c.MP3", "deep/d.W64", "e – ü [x].webm", "日本語.flac", "Беседа.flac")
    scanned = local_files.scan(made(tmp_path, *names, ".hidden/f.mp3", ".g.mp3"))
    assert {str(r.file.relative_to(tmp_path)) for r in scanned.recordings} == set(names)
    ids = [r.id for r in scanned.recordings]
    assert len({name.lower() for name in ids}) == len(names)
    assert all(identity.ID_PATTERN.fullmatch(name) for name in ids)
    assert scanned.skipped == ()


@pytest.mark.parametrize(
    ("name", "language", "kind"),
    [
        ("talk.vtt", "", "manual"),
        ("talk.SRT", "", "manual"),
        ("talk.en.vtt", "en", "manual"),
        ("talk.en_US.srt", "en-US", "manual"),
        ("talk.pt-BR.vtt", "pt-BR", "manual"),
        ("talk.en-orig.vtt", "en", "automatic"),
        ("talk.en-nP7-2PuUl7o.vtt", "en", "manual"),
        ("talk.m4a.srt", "", "manual"),
        ("talk.m4a.de.json3", "de", "manual"),
        ("talk.en.ttml", "en", "manual"),
    ],
)
def test_captions_beside_a_recording(tmp_path: Path, name: str, language: str, kind: str) -> None:
    folder = made(tmp_path, "talk.m4a", name, "talk two.en.vtt", "talk.en.vtt.bak", "talk.description")
    (track,) = local_files.captions(folder / "talk.m4a")
    assert (track.language, track.kind) == (language, kind)


def test_what_is_skipped_is_listed_with_its_reason(tmp_path: Path) -> None:
    folder = made(tmp_path, "a.m4a", "a.en.vtt", "a.webm", "b.mp3", "notes.txt", "lost.en.vtt")
    scanned = local_files.scan(folder)
    assert [(path.name, reason) for path, reason in scanned.skipped] == [
        ("a.webm", "the same name as a.m4a, which is used"),
        ("lost.en.vtt", "neither media nor captions of a media file"),
        ("notes.txt", "neither media nor captions of a media file"),
    ]
    assert [path.name for path, _ in local_files.without_captions(scanned.recordings)] == ["b.mp3"]


def test_a_folder_without_media_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        local_files.scan(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no media in it"):
        local_files.scan(made(tmp_path, "a.txt"))


def test_the_lists_that_are_written_can_be_read(tmp_path: Path) -> None:
    media = made(tmp_path / "media", *(f'{"ab, cd"[n % 6]} "{n}".m4a' for n in range(7)))
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    local_files.write_lists(local_files.scan(media).recordings, train, test)
    entries = [*lists.read(train, "train"), *lists.read(test, "test")]
    assert {Path(entry.url) for entry in entries} == set(media.iterdir())
    assert [entry.split for entry in entries].count("test") == 1
    assert all(entry.is_file and entry.title == Path(entry.url).stem.strip() for entry in entries)


def test_copies_of_a_recording_are_in_the_same_list(tmp_path: Path) -> None:
    media = made(tmp_path / "media", *(f"{n}.m4a" for n in range(4)))
    for n, content in enumerate("abca"):
        (media / f"{n}.m4a").write_text(content)
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    local_files.write_lists(local_files.scan(media).recordings, train, test)
    assert [entry.id for entry in lists.read(train, "train")] == ["0", "1", "3"]
    assert [entry.id for entry in lists.read(test, "test")] == ["2"]


def test_letters_with_accents_may_be_composed_or_not(tmp_path: Path, settings: config.Config) -> None:
    media = made(tmp_path, "Pe\u0301rez.m4a", "P\u00e9rez.en.vtt") / "Pe\u0301rez.m4a"
    (track,) = local_files.captions(media)
    assert track.language == "en"
    assert local_files.scan(tmp_path).skipped == ()


def test_a_row_has_a_url_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("File,URL\nrec/Eine Rede.m4a,\n,https://a.example/1\n")
    file, page = lists.read(path, "train")
    assert (file.is_file, file.title, file.id) == (True, "Eine Rede", identity.safe_id("Eine Rede"))
    assert (page.is_file, page.url) == (False, "https://a.example/1")
    path.write_text("File,URL\nrec/a.m4a,https://a.example/1\n")
    with pytest.raises(InputError, match="row 2: found a URL and a File; keep one of the two"):
        lists.read(path, "train")
    path.write_text("File,URL\n,\nx,\n,,x\n")
    with pytest.raises(InputError, match="row 4: found no URL"):
        lists.read(path, "train")


def test_a_file_in_both_lists_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, file in (("train", "rec/a.m4a"), ("test", "rec/../rec/a.m4a")):
        (tmp_path / f"{name}.csv").write_text(f"Id,File\nx,{file}\n")
    entries = [entry for name in ("train", "test") for entry in lists.read(Path(f"{name}.csv"), name)]
    with pytest.raises(InputError, match="are in both lists"):
        lists.check_disjoint(entries)


def test_the_best_captions_are_used(tmp_path: Path, settings: config.Config) -> None:
    folder = made(tmp_path, "a.m4a", "a.en-orig.vtt", "a.de.vtt", "a.en.srt")
    opened = local_files.open_recording(folder / "a.m4a", "A", rules(settings))
    assert opened.captions is not None
    assert (opened.captions.path.name, opened.captions.kind) == ("a.en.srt", "manual")
    (folder / "a.en.srt").unlink()
    automatic = local_files.open_recording(folder / "a.m4a", "A", rules(settings))
    assert automatic.captions is not None
    assert (automatic.captions.path.name, automatic.captions.kind) == ("a.en-orig.vtt", "automatic")


@pytest.mark.parametrize(
    ("names", "changes", "reason", "detail"),
    [
        (("b.m4a",), {}, failures.NO_FILE, "a.m4a"),
        (("a.m4a",), {}, failures.NO_CAPTIONS, "none"),
        (("a.m4a", "a.fr.vtt"), {}, failures.NO_CAPTIONS, r"fr \(manual\)"),
        (("a.m4a", "a.vtt"), {"max_bytes": 3}, failures.TOO_LARGE, "16 bytes, allowed are 3"),
    ],
)
def test_a_recording_that_cannot_be_used_is_rejected(
    tmp_path: Path,
    settings: config.Config,
    names: tuple[str, ...],
    changes: dict[str, object],
    reason: str,
    detail: str,
) -> None:
    with pytest.raises(Rejected, match=detail) as caught:
        local_files.open_recording(made(tmp_path, *names) / "a.m4a", "A", rules(settings, **changes))
    assert caught.value.reason == reason


def test_a_recording_without_captions_can_be_opened(tmp_path: Path, settings: config.Config) -> None:
    folder = made(tmp_path, "a.m4a", "a.fr.vtt")
    opened = local_files.open_recording(folder / "a.m4a", "A", rules(settings), captions_needed=False)
    assert (opened.media, opened.captions) == (folder / "a.m4a", None)


def test_a_fingerprint_changes_with_the_media_and_the_captions(tmp_path: Path) -> None:
    media = made(tmp_path, "a.m4a", "a.en.vtt") / "a.m4a"
    first = local_files.fingerprint(media)
    assert local_files.fingerprint(media) == first
    (tmp_path / "a.en.vtt").write_text("other captions")
    second = local_files.fingerprint(media)
    made(tmp_path, "a.de.srt")
    assert len({tuple(first), tuple(second), tuple(local_files.fingerprint(media))}) == 3
    assert local_files.fingerprint(tmp_path / "nowhere.m4a") == []
