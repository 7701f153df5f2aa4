"""Clips cut to one length: piles of equal lengths, with and without sound that runs on at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.core import tables
from tasks.corpora.doctor import length_findings
from tasks.corpora.doctor.findings import Complaint
from tasks.corpora.doctor.inputs import CorpusTables
from tasks.corpora.readers import registry

RATE_HZ = 16_000


def clip(number: int) -> np.ndarray:
    """Return a clip of 1.3 to 3.6 s: loud noise, then a pause of 0.2 s with faint noise."""
    source = np.random.default_rng(number)
    speech = source.normal(0, 3000, round((1.1 + source.random() * 2.3) * RATE_HZ))
    return np.concatenate([speech, source.normal(0, 20, RATE_HZ // 5)]).astype(np.int16)


def level_dbfs(samples: np.ndarray) -> float | None:
    level = np.sqrt((samples.astype(float) ** 2).mean()) / 32_768
    return float(20 * np.log10(level)) if level else None


def corpus(clips: list[np.ndarray], **changes: object) -> CorpusTables:
    rows, sounds, ends = [], {}, {}
    for number, samples in enumerate(clips):
        name = f"plain/{number}"
        rows.append(dict.fromkeys(tables.UTTERANCES.names) | {"utterance_id": name, "audio": f"{number}.wav"})
        sounds[name] = {"duration_s": samples.size / RATE_HZ, "level_dbfs": level_dbfs(samples)}
        ends[name] = {"end_dbfs": level_dbfs(samples[-RATE_HZ // 20 :])}
    return replace(CorpusTables(registry.corpus("plain"), tuple(rows), sounds, signals=ends), **changes)  # type: ignore[arg-type]


def found(data: CorpusTables) -> list[Complaint]:
    return list(length_findings.complaints(data))


CLIPS = [clip(number) for number in range(60)]


def test_natural_lengths_are_no_complaint() -> None:
    assert found(corpus(CLIPS)) == []
    # lengths in whole video frames: many are equal
    assert found(corpus([samples[: samples.size // 1600 * 1600] for samples in CLIPS])) == []


def test_clips_cut_to_the_greatest_length() -> None:
    (entry,) = found(corpus([samples[: 2 * RATE_HZ] for samples in CLIPS]))
    n_cut = sum(samples.size > 2 * RATE_HZ for samples in CLIPS)
    assert (entry.kind, entry.severity, entry.n) == ("one length", "warning", n_cut)
    assert entry.what.startswith(f"{n_cut} of 60 clips last exactly 2.000 s, and in")
    assert "the sound runs on to the end" in entry.what


def test_clips_cut_and_padded_to_one_length() -> None:
    padded = [np.pad(samples, (0, 4 * RATE_HZ))[: 2 * RATE_HZ] for samples in CLIPS]
    (entry,) = found(corpus(padded))
    assert (entry.severity, entry.n) == ("warning", 60)
    assert "the sound runs on to the end" in entry.what


def test_some_clips_cut_to_a_length_below_the_greatest() -> None:
    some = [samples[:RATE_HZ] if number < 20 else samples for number, samples in enumerate(CLIPS)]
    (entry,) = found(corpus(some))
    assert (entry.n, entry.examples[:2]) == (20, ("plain/0", "plain/1"))
    assert "20 of 60 clips last exactly 1.000 s" in entry.what


def test_padding_alone_is_a_note() -> None:
    (entry,) = found(corpus([np.pad(samples, (0, 4 * RATE_HZ))[: 4 * RATE_HZ] for samples in CLIPS]))
    assert (entry.severity, entry.n) == ("note", 60)
    assert "60 of them end in digital silence: they were padded" in entry.what


def test_pauses_cut_to_one_length_are_a_warning() -> None:
    faint = [np.pad(samples, (0, 2 * RATE_HZ), constant_values=7)[: 4 * RATE_HZ] for samples in CLIPS]
    (entry,) = found(
        corpus(
            [samples + np.arange(samples.size, dtype=np.int16) % 2 for samples in faint if samples.size == 4 * RATE_HZ]
        )
    )
    assert entry.severity == "warning"
    assert "most of them end in a pause" in entry.what


def test_spans_of_recordings_have_lengths_by_table() -> None:
    data = corpus([samples[: 2 * RATE_HZ] for samples in CLIPS])
    spans = tuple(row | {"audio": "episode.wav", "start_s": 2.0 * number} for number, row in enumerate(data.rows))
    assert found(replace(data, rows=spans)) == []
    assert found(replace(data, signals={})) == []


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, None),
        ({2000: 9, 1500: 1}, None),
        ({2000: 10, 1500: 1}, 2000),
        ({2000: 60, 1500: 30, 1400: 30}, 2000),
        ({2000: 60, 1500: 30, 3000: 1}, None),
        ({2000: 60, 1500: 12, 3000: 1}, 2000),
        ({2000: 60, 1500: 60}, None),
        ({**dict.fromkeys(range(1000, 1990), 1), 2000: 12}, None),
    ],
)
def test_lengths_that_clips_were_probably_cut_to(counts: dict[int, int], expected: int | None) -> None:
    assert length_findings.cut_length(Counter(counts)) == expected


@pytest.mark.real
@pytest.mark.parametrize(("name", "reader"), [("tess", "tess"), ("ravdess", "ravdess")])
@pytest.mark.parametrize("cut_s", [None, 2.0])
def test_real_clips(name: str, reader: str, cut_s: float | None, real_data: Path) -> None:
    clips = [soundfile.read(path, dtype="int16")[0] for path in sorted((real_data / name).rglob("*.flac"))[::5]]
    end = None if cut_s is None else round(cut_s * RATE_HZ)
    entries = found(corpus([samples[:end] for samples in clips]))
    assert [(entry.kind, entry.severity) for entry in entries] == ([] if end is None else [("one length", "warning")])
