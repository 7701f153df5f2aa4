"""Bugs of items: tracebacks without the machine's paths, bounded in size; records beside the last complete outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.__main__ import main, run
from tasks.core import bugs, each, paths, tables
from tasks.core.config import Config, load
from tasks.core.outcomes import ItemsFailed, Outcome
from tasks.core.results import Reject
from tasks.stages import captions

VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:04.000\nThe weather was lovely on that day.\n"


class Unshowable(Exception):
    def __str__(self) -> str:
        raise ValueError


def traceback_of(error: BaseException) -> str:
    try:
        raise error
    except BaseException as raised:
        return bugs.text(raised)


def test_a_traceback_has_the_projects_paths_and_no_control_characters() -> None:
    try:
        json.loads("{\x1b")
    except ValueError as error:
        text = bugs.text(error)
    assert 'File "tests/tasks/core/test_bugs.py"' in text
    assert 'File "json/decoder.py"' in text
    assert text.endswith("JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)")
    assert traceback_of(ValueError("\x1b[31m\udcff")).endswith("ValueError: ?[31m?")


def test_a_traceback_is_bounded_and_keeps_its_end() -> None:
    text = traceback_of(ValueError("x" * 100_000 + "the end"))
    assert len(text) < 8_100
    assert text.startswith("Traceback")
    assert text.endswith("the end")
    assert "characters left out" in text


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(ValueError("a\n b"), "ValueError: a b", id="one line"),
        pytest.param(ValueError(), "ValueError", id="without a message"),
        pytest.param(Unshowable(), "Unshowable: (its message cannot be shown)", id="message that raises"),
        pytest.param(ValueError("x" * 999), f"ValueError: {'x' * 288}", id="bounded"),
    ],
)
def test_a_bug_has_one_line(error: Exception, line: str) -> None:
    assert bugs.line(error) == line
    assert traceback_of(error)


@pytest.fixture
def crawled(project: Path) -> Path:
    """Three videos: one whose captions meet a bug if the test injects one, one without captions, and a usable one."""
    params = paths.PARAMS.read_text()
    # injected code does not reach worker processes
    paths.PARAMS.write_text(params.replace("workers: 0", "workers: 1"))
    paths.MEDIA.mkdir(parents=True)
    rows = []
    for name, file in (("train-1", "1.vtt"), ("train-2", None), ("test-3", "3.vtt")):
        if file:
            (paths.MEDIA / file).write_text(VTT)
        rows.append(
            {
                "video_id": name, "split": name.partition("-")[0], "url": f"http://example.org/{name}",
                "duration_s": 5.0, "audio": f"{name}.flac", "audio_sha256": "0" * 64, "language": "en",
                "captions": file, "captions_sha256": file and name, "caption_kind": file and "manual",
                "caption_format": file and "vtt",
            }
        )  # fmt: skip
    tables.write(tables.from_rows(rows, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
    return project


def meet_bug(monkeypatch: pytest.MonkeyPatch, *items: str) -> None:
    real = captions.captions_one

    def captions_one(item: captions.CaptionedVideo, settings: object) -> object:
        if item.id in items:
            raise IndexError("<b>list index</b> out of range")
        return real(item, settings)  # type: ignore[arg-type]

    captions_one.__module__ = real.__module__
    monkeypatch.setattr(captions, "captions_one", captions_one)


def counted(config: Config) -> str:
    return str(run("captions", config, each.local(config.runtime), by="test"))


def rejects() -> list[tuple[str, str]]:
    rows = tables.read(paths.rejected("captions"), tables.REJECTED).to_pylist()
    return [(row["item"], row["reason"]) for row in rows]


def test_a_stage_with_a_bug_fails_and_its_last_outputs_stay(
    crawled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load(paths.PARAMS)
    counted(config)
    complete = paths.UTTERANCES.read_bytes()
    (paths.MEDIA / "3.vtt").write_text(VTT.replace("lovely", "awful"))
    rows = tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()
    rows = [{**row, "captions_sha256": f"{row['captions_sha256']} again"} for row in rows]
    tables.write(tables.from_rows(rows, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
    with monkeypatch.context() as patch:
        meet_bug(patch, "train-1")
        assert main(["captions"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("captions: train-1: IndexError: <b>list index</b> out of range\n1 of 3 items of captions")
    assert "Tracebacks, for a bug report: .undertone/bugs/captions.txt" in message
    assert paths.UTTERANCES.read_bytes() == complete
    assert rejects() == [("train-1", "bug"), ("train-2", "no captions")]
    text = bugs.path("captions").read_text()
    assert text.startswith("train-1\nTraceback (most recent call last):")
    assert counted(config) == "3 items: 1 computed, 2 cached"
    assert rejects() == [("train-2", "no captions")]
    assert not bugs.path("captions").exists()
    assert b"awful" in b"".join(
        text.encode() for text in tables.read(paths.UTTERANCES, tables.UTTERANCES)["text"].to_pylist()
    )


def test_a_first_run_with_a_bug_writes_no_outputs_but_the_table_of_rejects(
    crawled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet_bug(monkeypatch, "train-1", "test-3")
    with pytest.raises(ItemsFailed, match=r"^test-3: IndexError.*\ntrain-1: IndexError.*\n2 of 3 items of captions"):
        counted(load(paths.PARAMS))
    assert not paths.UTTERANCES.exists()
    assert rejects() == [("test-3", "bug"), ("train-1", "bug"), ("train-2", "no captions")]


def test_only_the_first_hundred_bugs_have_a_traceback(crawled: Path) -> None:
    outcomes = []
    for number in range(102):
        place = paths.MEMO / "x" / f"{number}.arrow"
        each.memo.remember(place, each.Result(tables.REJECTED.empty_table(), (Reject(f"{number:03d}", "bug", "long"),)))
        outcomes.append(Outcome(f"{number:03d}", place, remembered=False, bug="short"))
    with pytest.raises(ItemsFailed), bugs.recorded("captions", paths.rejected("captions")):
        raise ItemsFailed("captions", outcomes)
    details = tables.read(paths.rejected("captions"), tables.REJECTED)["detail"].to_pylist()
    assert [details.count(text) for text in ("long", "short")] == [100, 2]


def test_a_stages_own_rejects_are_recorded_once_with_the_bugs(project: Path) -> None:
    place = paths.MEMO / "x" / "1.arrow"
    both = Reject("a", "listed twice"), Reject("b\udcff", "bug", "traceback")
    each.memo.remember(place, each.Result(tables.REJECTED.empty_table(), (both[1],)))
    outcome = Outcome("b", place, remembered=False, bug="KeyError")
    with (
        pytest.raises(ItemsFailed),
        bugs.recorded("captions", paths.rejected("captions")),
        bugs.also_rejected(both),
    ):
        raise ItemsFailed("captions", [outcome])
    assert rejects() == [("a", "listed twice"), ("b?", "bug")]
