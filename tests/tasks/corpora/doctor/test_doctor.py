"""The corpus doctor: each complaint on a corpus with that problem, none on a healthy corpus, and the verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core import config, paths, tables
from tasks.core.errors import TableError
from tasks.corpora import doctor
from tasks.corpora.doctor.findings import KINDS, NEEDS_SOUND, SEVERITIES, Complaint, Diagnosis
from tasks.corpora.doctor.inputs import CorpusTables
from tasks.corpora.readers import registry
from tasks.corpora.readers.reading import CorpusReader, Count, Expected, ReaderOutput, Row
from tasks.corpora.unreferenced import Unreferenced

N = 40
EMOTIONS = ("anger", "neutral")


def expected(rows: Sequence[Row]) -> Expected:
    return Expected((Count("clips", N, len(rows)),))


CORPUS = CorpusReader(
    name="small", title="A small corpus", licence="CC0", url="https://example.org", citation="", language="en",
    labels={"A": "anger", "N": "neutral"}, read=lambda folder: ReaderOutput(()), expected=expected,
    known_bad={"a07": "says nothing", "b99": "was never there"}, max_duration_s=10.0,
)  # fmt: skip


def rows(n: int = N) -> list[Row]:
    return [
        dict.fromkeys(tables.UTTERANCES.names)
        | {
            "utterance_id": f"small/c{number:02d}", "corpus": "small", "group": f"small/{number % 4}",
            "speaker": f"small/{number % 4}", "audio": f"c{number:02d}.wav", "start_s": 0.0, "end_s": 2.5,
            "emotion": EMOTIONS[number % 2], "text": "a text",
        }
        for number in range(n)
    ]  # fmt: skip


def measured(number: int) -> Row:
    return {
        "utterance_id": f"small/c{number:02d}", "audio": f"c{number:02d}.wav", "sha256": f"bytes {number}",
        "container": "wav", "rate_hz": 16_000, "channels": 1, "duration_s": 2.5, "peak_dbfs": -6.0,
        "level_dbfs": -26.0, "clipped_share": 0.0, "silent_share": 0.1, "samples_sha256": f"samples {number}",
    }  # fmt: skip


def print_of(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(1, 2**32, 110, dtype=np.uint32)


def sounds(**changes: dict[str, Any]) -> dict[str, Row]:
    """Return measurements of all utterances; `c03={"channels": 2}` changes one."""
    unchanged = {f"c{number:02d}": measured(number) for number in range(N)}
    return {f"small/{name}": entry | changes.get(name, {}) for name, entry in unchanged.items()}


def healthy(**changes: Any) -> CorpusTables:
    prints = {f"small/c{number:02d}": print_of(number) for number in range(N)}
    return replace(CorpusTables(CORPUS, tuple(rows()), sounds(), prints), **changes)


def changed(**changes: dict[str, Any]) -> tuple[Row, ...]:
    """Return all rows; `c03={"emotion": None}` changes one."""
    return tuple(row | changes.get(row["utterance_id"].partition("/")[2], {}) for row in rows())


def reject(item: str, reason: str, detail: str = "") -> Row:
    return {"item": item, "stage": "corpus@small", "reason": reason, "detail": detail}


def only(diagnosis: Diagnosis) -> Complaint:
    assert len(diagnosis.complaints) == 1, diagnosis.complaints
    return diagnosis.complaints[0]


def diagnosed(**changes: Any) -> Diagnosis:
    return doctor.diagnose("mine", healthy(**changes))


def test_a_healthy_corpus_is_sound() -> None:
    diagnosis = diagnosed()
    assert diagnosis.complaints == ()
    assert (diagnosis.verdict, diagnosis.why) == (
        "sound",
        "All 40 utterances can be used; there are no faults or warnings.",
    )
    assert diagnosis.clear == tuple(KINDS)
    assert (diagnosis.facts.n, diagnosis.facts.n_with_sound, diagnosis.facts.hours) == (N, N, N * 2.5 / 3600)
    assert diagnosis.facts.classes["small/1"] == {"neutral": 10}


SOUNDS: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    ("silent", "fault", {"c03": {"peak_dbfs": -math.inf}}, ("small/c03",)),
    ("silent", "fault", {"c03": {"peak_dbfs": -60.0}, "c04": {"peak_dbfs": -59.0}}, ("small/c03",)),
    ("silent", "fault", {"c03": {"peak_dbfs": None, "level_dbfs": None}}, ("small/c03",)),
    ("clipped", "warning", {"c03": {"clipped_share": 0.02}, "c04": {"clipped_share": 0.001}}, ("small/c03 (2.0%)",)),
    ("too long", "warning", {"c03": {"duration_s": 305.2}, "c04": {"duration_s": 10.0}}, ("small/c03 (305.2 s)",)),
    ("too short", "warning", {"c03": {"duration_s": 0.05}}, ("small/c03 (0.05 s)",)),
    ("format", "note", {"c03": {"channels": 2}}, ("small/c03",)),
    ("format", "note", {"c03": {"rate_hz": 24_414}}, ("small/c03 (24,414 Hz)",)),
    ("same samples", "warning", {"c05": {"samples_sha256": "samples 3"}}, ("small/c03 = small/c05",)),
    (
        "same bytes", "warning",
        {"c03": {"sha256": "b", "samples_sha256": "s"}, "c05": {"sha256": "b", "samples_sha256": "s"}},
        ("small/c03 = small/c05",),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "severity", "changes", "examples"), SOUNDS)
def test_what_is_wrong_with_the_sound(
    kind: str, severity: str, changes: dict[str, Any], examples: tuple[str, ...]
) -> None:
    entry = only(diagnosed(sounds=sounds(**changes)))
    assert (entry.kind, entry.severity, entry.n, entry.examples) == (kind, severity, len(examples), examples)


def test_the_same_bytes_under_two_labels() -> None:
    same = {"sha256": "b", "samples_sha256": "s"}
    diagnosis = diagnosed(sounds=sounds(c03=same, c04=same))
    assert [(entry.kind, entry.severity) for entry in diagnosis.complaints] == [
        ("two labels", "fault"),
        ("same bytes", "warning"),
    ]
    assert diagnosis.complaints[0].examples == ("small/c03 (neutral), small/c04 (anger)",)


def test_a_copy_of_a_copy_is_told_once_for_each_kind() -> None:
    same = {"sha256": "b", "samples_sha256": "s"}
    diagnosis = diagnosed(sounds=sounds(c01=same, c03=same, c05={"samples_sha256": "s"}))
    assert [(entry.kind, entry.examples) for entry in diagnosis.complaints] == [
        ("same bytes", ("small/c01 = small/c03",)),
        ("same samples", ("small/c01 = small/c03 = small/c05",)),
    ]


def test_two_spans_of_one_recording_are_no_copies() -> None:
    long = {"sha256": "episode"}
    spans = changed(c03={"audio": "episode.wav"}, c05={"audio": "episode.wav", "start_s": 2.5, "end_s": 5.0})
    assert diagnosed(rows=spans, sounds=sounds(c03=long, c05=long)).complaints == ()


def test_silence_is_not_told_as_copies() -> None:
    zeros = {"samples_sha256": "zeros", "peak_dbfs": -math.inf}
    assert only(diagnosed(sounds=sounds(c03=zeros, c04=zeros))).kind == "silent"


def test_nearly_the_same_sound() -> None:
    data = healthy()
    noisy = print_of(3)
    noisy[::2] ^= np.uint32(1 << 7)
    prints = {**data.fingerprints, "small/c04": noisy}
    diagnosis = diagnosed(fingerprints=prints)
    assert [(entry.kind, entry.severity) for entry in diagnosis.complaints] == [
        ("two labels", "warning"), ("same sound", "warning"),
    ]  # fmt: skip
    assert diagnosis.complaints[1].examples == ("small/c03 ≈ small/c04 (2% of the bits differ)",)


def test_exact_copies_are_not_told_as_near_ones() -> None:
    data = healthy()
    prints = {**data.fingerprints, "small/c05": print_of(3)}
    assert (
        only(diagnosed(fingerprints=prints, sounds=sounds(c05={"samples_sha256": "samples 3"}))).kind == "same samples"
    )


@pytest.mark.parametrize(
    ("reason", "kind", "severity"),
    [
        ("unreadable", "unreadable", "fault"),
        ("cut short", "truncated", "fault"),
        ("unknown emotion code", "wrong label", "fault"),
        ("not a name of SMALL's", "extra", "warning"),
        ("same utterance twice", "extra", "warning"),
        ("struck by lightning", "unused", "warning"),
    ],
)
def test_what_could_not_be_used(reason: str, kind: str, severity: str) -> None:
    entry = only(diagnosed(rejects=(reject("x/y.wav", reason, "found 'Q'"), reject("z.wav", reason))))
    assert (entry.kind, entry.severity, entry.n) == (kind, severity, 2)
    assert entry.examples == ("x/y.wav (found 'Q')", "z.wav")
    assert reason in entry.what


def test_missing_utterances_and_counts() -> None:
    def some(rows: Sequence[Row]) -> Expected:
        return Expected((Count("clips", 42, len(rows)), Count("speakers", 4, 4)), ("small/c40", "small/c41"))

    diagnosis = diagnosed(corpus=replace(CORPUS, expected=some))
    assert [(entry.kind, entry.severity, entry.n) for entry in diagnosis.complaints] == [
        ("missing", "fault", 2), ("counts", "warning", 1),
    ]  # fmt: skip
    assert diagnosis.complaints[1].examples == ("clips: 40, published 42",)
    assert diagnosis.counts[0] == Count("clips", 42, 40)


def test_what_could_not_be_read_is_not_told_as_missing_too() -> None:
    def some(rows: Sequence[Row]) -> Expected:
        return Expected((), ("small/c40",))

    diagnosis = diagnosed(corpus=replace(CORPUS, expected=some), rejects=(reject("far/c40.wav", "unreadable"),))
    assert only(diagnosis).kind == "unreadable"


def test_files_known_to_be_broken_by_name() -> None:
    diagnosis = diagnosed(rows=changed(c07={"audio": "far/a07.flac"}), rejects=())
    assert only(diagnosis).kind == "known bad"
    assert only(diagnosis).examples == ("a07 (says nothing)",)
    assert [(entry.name, entry.status) for entry in diagnosis.known_bad] == [("a07", "in use"), ("b99", "not here")]
    refused = diagnosed(rejects=(reject("far/a07.wav", "unreadable"),))
    assert [entry.status for entry in refused.known_bad] == ["left out", "not here"]


def test_broken_times() -> None:
    backwards = {"recording": "e1", "recording_start_s": 9.0, "recording_end_s": 8.0}
    entry = only(diagnosed(rows=changed(c03=backwards)))
    assert (entry.kind, entry.severity, entry.examples) == ("timestamps", "fault", ("small/c03 (9.0 to 8.0 s)",))
    off = {"recording": "e1", "recording_start_s": 8.0, "recording_end_s": 17.0}
    fine = {"recording": "e1", "recording_start_s": 17.0, "recording_end_s": 20.0}
    entry = only(diagnosed(rows=changed(c03=off, c04=fine)))
    assert (entry.kind, entry.severity) == ("timestamps", "warning")
    assert entry.examples == ("small/c03 (2.5 s, stated 9.0 s)",)


def test_words_and_labels() -> None:
    diagnosis = diagnosed(rows=changed(c03={"text": "it\ufffds"}, c04={"emotion": None}), repairs={"other encoding": 7})
    assert [(entry.kind, entry.severity, entry.examples) for entry in diagnosis.complaints] == [
        ("damaged text", "warning", ("small/c03",)),
        ("no label", "note", ("small/c04",)),
        ("repaired", "note", ("other encoding: 7",)),
    ]
    assert diagnosis.verdict == "usable"


def test_a_corpus_of_text_alone() -> None:
    spans = changed(c03={"recording": "e1", "recording_start_s": 0.0, "recording_end_s": 305.0})
    texts = tuple(row | {"audio": None, "start_s": None, "end_s": None} for row in spans)
    diagnosis = diagnosed(rows=texts, sounds={}, fingerprints={})
    assert only(diagnosis).examples == ("small/c03 (305.0 s)",)
    assert set(diagnosis.not_looked) == NEEDS_SOUND
    assert not set(diagnosis.clear) & NEEDS_SOUND
    assert diagnosis.facts.hours == 0


def test_verdicts() -> None:
    def with_faults(n: int) -> Diagnosis:
        return diagnosed(rejects=tuple(reject(f"x{number}.wav", "unreadable") for number in range(n)))

    assert with_faults(2).verdict == "usable"
    broken = with_faults(3)
    assert (broken.verdict, broken.why) == ("broken", "3 faults on 43 utterances, files and rows: 7.0%, more than 5%.")
    assert broken.to_do == broken.complaints[0].advice
    assert diagnosed(rows=(), sounds={}, fingerprints={}).verdict == "broken"
    assert diagnosed(sounds=sounds(c03={"channels": 2})).verdict == "sound"


def test_the_worst_comes_first_and_examples_are_few() -> None:
    diagnosis = diagnosed(
        sounds=sounds(**{f"c{number:02d}": {"clipped_share": 0.5} for number in range(30)}, c35={"channels": 2}),
        rejects=(reject("x.wav", "unreadable"),),
    )
    severities = [entry.severity for entry in diagnosis.complaints]
    assert severities == sorted(severities, key=list(SEVERITIES).index) == ["fault", "warning", "note"]
    assert (diagnosis.complaints[1].n, len(diagnosis.complaints[1].examples)) == (30, 10)


@pytest.fixture
def read(project: Path, settings: config.Config, monkeypatch: pytest.MonkeyPatch) -> Callable[[], config.Config]:
    """A small corpus as the stage leaves it, with one clip in stereo."""

    def write() -> config.Config:
        monkeypatch.setattr(registry, "corpus", lambda name: CORPUS)
        heard = [
            entry | {"fingerprint": print_of(number).tolist()}
            for number, entry in enumerate(sounds(c03={"channels": 2}).values())
        ]
        tables.write(tables.from_rows(rows(), CORPUS.schema), paths.utterances("mine"), CORPUS.schema)
        tables.write(tables.from_rows(heard, tables.SOUNDS), paths.sounds("mine"), tables.SOUNDS)
        ends = [{"utterance_id": row["utterance_id"], "end_dbfs": None} for row in rows()]
        tables.write(tables.from_rows(ends, tables.SIGNALS), paths.signals("mine"), tables.SIGNALS)
        rejected = tables.from_rows([reject("x.wav", "unreadable")], tables.REJECTED)
        tables.write(rejected, paths.rejected("corpus@mine"), tables.REJECTED)
        tables.write_text(paths.reading("mine"), json.dumps({"repairs": {"other encoding": 2}}))
        entry = config.Corpus(reader="plain", path="media")
        return settings.model_copy(update={"corpora": {"mine": entry}})

    return write


def test_what_the_stage_wrote(read: Callable[[], config.Config]) -> None:
    diagnosis = doctor.examine("mine", read())
    assert [entry.kind for entry in diagnosis.complaints] == ["unreadable", "one length", "format", "repaired"]
    assert (diagnosis.name, diagnosis.title, diagnosis.simulated) == ("mine", "A small corpus", False)


def test_a_corpus_that_undertone_made_says_so(read: Callable[[], config.Config], project: Path) -> None:
    settings = read()
    (project / "media").mkdir()
    (project / "media" / paths.SIMULATED).write_text("simulated\n")
    diagnosis = doctor.examine("mine", settings)
    assert diagnosis.simulated
    assert diagnosis.title == "A small corpus (simulated)"


def test_a_corpus_not_read_yet(read: Callable[[], config.Config]) -> None:
    settings = read()
    paths.sounds("mine").unlink()
    with pytest.raises(TableError, match="run the stage that writes it"):
        doctor.examine("mine", settings)


def test_files_that_are_no_utterances_sound() -> None:
    texts = tuple(row | {"audio": None, "start_s": None, "end_s": None} for row in rows())
    unused = Unreferenced(36, 3, ("wav/a.wav", "wav/b.wav"), ("train.tar.gz",))
    corpus = replace(CORPUS, looks_for="a.wav beside the table")
    diagnosis = diagnosed(corpus=corpus, rows=texts, sounds={}, fingerprints={}, unreferenced=unused)
    entry = only(diagnosis)
    assert (entry.kind, entry.severity, entry.n, diagnosis.verdict) == ("no sound", "fault", N, "broken")
    assert entry.what.startswith(
        "All 40 utterances are without sound, but 36 media files and 3 archives in the folder are"
    )
    assert "no utterance's: wav/a.wav, wav/b.wav, train.tar.gz …. Looked for: a.wav beside the table." in entry.what
    assert entry.examples[:2] == ("small/c00", "small/c01")


def test_some_utterances_without_sound_and_a_file_that_is_none_of_theirs() -> None:
    unused = Unreferenced(1, 0, ("wav/a.wav",))

    def without_sound(n: int) -> Diagnosis:
        some = tuple(row | ({"audio": None} if number < n else {}) for number, row in enumerate(rows()))
        kept = {name: sound for number, (name, sound) in enumerate(sounds().items()) if number >= n}
        return diagnosed(rows=some, sounds=kept, unreferenced=unused)

    entry = only(without_sound(2))
    assert (entry.kind, entry.severity, entry.n) == ("no sound", "fault", 2)
    assert entry.what.startswith(
        "2 of 40 utterances are without sound, but 1 media file in the folder is no utterance's: wav/a.wav. L"
    )
    few = without_sound(1)
    assert (only(few).kind, only(few).severity, few.verdict) == ("extra", "note", "sound")
