"""Stage interviews and the corpus of the same name: cut utterances with labels, votes, ratings; one sound decoder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import soundfile

from tasks.core import each, paths, tables
from tasks.core.config import Config, Corpus, Experiment, Extraction
from tasks.core.errors import InputError
from tasks.corpora import doctor
from tasks.experiments import recipe_book
from tasks.features.base import store
from tasks.features.mid_term import mid_term
from tasks.media.corpus_files import sound_check
from tasks.media.segments import reader
from tasks.stages import corpus, extract, interviews, segments

FEATURES = "interviews-mid-term"


@pytest.fixture
def prepared(captioned: Callable[..., None], settings: Config) -> Config:
    """Three videos of nine utterances, crawled, voted on and cut."""
    captioned(2, 1)
    chosen = settings.model_copy(update={"runtime": settings.runtime.model_copy(update={"workers": 1})})
    segments.run(chosen, each=each.local(chosen.runtime))
    return chosen


def read(settings: Config) -> list[dict[str, Any]]:
    """Run the stages interviews and corpus@interviews; return the corpus's rows."""
    for stage, *name in (interviews, "no name"), (corpus, "interviews"):
        chosen = () if name == ["no name"] else name
        stage.run(settings, *chosen, each=each.local(settings.runtime))
    return tables.read_corpus(paths.utterances("interviews")).to_pylist()


def extracted(settings: Config) -> tuple[store.Features, each.Tally]:
    tally = each.Tally()
    extract.run(settings, FEATURES, each=tally.of(each.local(settings.runtime)))
    return store.read(paths.features("interviews", FEATURES)), tally


def revote(changes: dict[str, dict[str, Any]]) -> None:
    rows = tables.read(paths.VOTES, tables.VOTES).to_pylist()
    changed = [{**row, **changes.get(row["utterance_id"], {})} for row in rows]
    tables.write(tables.from_rows(changed, tables.VOTES), paths.VOTES, tables.VOTES)


def test_a_row_is_a_segment_with_its_label_vote_and_ratings(prepared: Config) -> None:
    unsure, tied = "weak/train-0/0000", "weak/train-0/0001"
    revote({unsure: {"sentiment": None, "weight": None}, tied: {"sentiment": None, "weight": None, "majority": None}})
    paths.LISTENERS.mkdir(parents=True)
    (paths.LISTENERS / "people.csv").write_text(
        "Id,start_s,end_s,Zoe,Ann,sampling\n0,0.0,2.4,positive,positive,random\n0,2.5,4.9,positive,negative,\n"
        "0,5.0,7.4,positive,positive,proposed\n",
        encoding="utf-8",
    )
    rows = {row["utterance_id"]: row for row in read(prepared)}
    assert len(rows) == 27
    labelled = rows["weak/train-1/0000"]
    assert (labelled["corpus"], labelled["group"], labelled["split"]) == ("interviews", "train-1", "train")
    assert (labelled["sentiment"], labelled["weight"], labelled["label_source"]) == ("neutral", 1.0, "consensus")
    assert (labelled["vote"], labelled["listeners"], labelled["ratings"]) == ("neutral", None, None)
    assert (rows[unsure]["sentiment"], rows[unsure]["weight"], rows[unsure]["label_source"]) == (None, None, None)
    assert (rows[unsure]["vote"], rows[tied]["vote"]) == ("negative", None)
    agreed, split = rows["weak/test-0/0000"], rows["weak/test-0/0001"]
    assert (agreed["listeners"], json.loads(agreed["ratings"])) == ("positive", {"Ann": "positive", "Zoe": "positive"})
    assert (split["listeners"], json.loads(split["ratings"])) == (None, {"Ann": "negative", "Zoe": "positive"})
    # proposed for its votes: no part of a random sample, on which scores are
    assert (rows["weak/test-0/0002"]["listeners"], rows["weak/test-0/0002"]["ratings"]) == (None, None)
    video = (paths.MEDIA / "test-0.flac").read_bytes()
    assert agreed["audio_sha256"] == hashlib.sha256(video).hexdigest()


def test_labels_of_a_label_model_are_said_to_be_a_models(prepared: Config) -> None:
    polarity = prepared.polarity.model_copy(update={"combine": "label-model"})
    rows = read(prepared.model_copy(update={"polarity": polarity}))
    assert {row["label_source"] for row in rows} == {"model"}


def test_an_utterance_that_was_not_cut_is_no_row(prepared: Config) -> None:
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()
    utterances[3]["text"] = "too few"
    tables.write(tables.from_rows(utterances, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
    segments.run(prepared, each=each.local(prepared.runtime))
    rows = read(prepared)
    assert utterances[3]["utterance_id"] not in {row["utterance_id"] for row in rows}
    assert len(rows) == 26


def test_the_features_are_those_of_the_segments(prepared: Config) -> None:
    read(prepared)
    features, tally = extracted(prepared)
    assert tally.items == 3, "a video is a batch of its own"
    assert features.card["names"] == list(mid_term.NAMES)
    cut = [segment for video in reader.videos() for segment in reader.read(video)]
    assert features.ids == sorted(segment["utterance_id"] for segment in cut)
    for segment in cut:
        expected = mid_term.mid_term(*reader.samples(segment), mid_term.AnalysisWindows())
        (value,) = features.vectors(np.array([features.ids.index(segment["utterance_id"])]))
        np.testing.assert_allclose(value, expected.astype(np.float32), rtol=1e-6, atol=1e-12)


def test_other_labels_leave_what_features_are_extracted_from_unchanged(prepared: Config) -> None:
    def inputs() -> list[bytes]:
        read_by_extract = (paths.unlabelled, paths.sounds, paths.pictures)
        return [path("interviews").read_bytes() for path in read_by_extract]

    read(prepared)
    extracted(prepared)
    labels, before = paths.utterances("interviews").read_bytes(), inputs()
    revote({"weak/train-0/0000": {"sentiment": None, "weight": None}})
    read(prepared)
    assert paths.utterances("interviews").read_bytes() != labels
    assert inputs() == before
    assert extracted(prepared)[1].done == 0


def later_files() -> dict[str, bytes]:
    folders = paths.folder("corpus@interviews"), paths.features("interviews", FEATURES)
    return {path.name: path.read_bytes() for folder in folders for path in sorted(folder.iterdir())}


def test_results_cached_while_cutting_are_those_of_the_later_stages(prepared: Config) -> None:
    read(prepared)
    assert extracted(prepared)[1].done == 0
    ahead, entries = later_files(), cached_later()
    assert entries
    forget_later()
    read(prepared)
    assert extracted(prepared)[1].done == 3
    assert later_files() == ahead
    assert cached_later() == entries


def forget_later() -> None:
    for name in (f"extract@{FEATURES}", "corpus@interviews"):
        shutil.rmtree(paths.MEMO / name)


def cached_later() -> dict[str, bytes]:
    stages = f"extract@{FEATURES}", "corpus@interviews"
    return {path.name: path.read_bytes() for stage in stages for path in (paths.MEMO / stage).rglob("*.arrow")}


@pytest.mark.parametrize("why", ["long video", "bug"])
def test_what_is_not_cached_while_cutting_is_left_to_the_later_stages(
    captioned: Callable[..., None], settings: Config, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    captioned(1, 1)
    settings = settings.model_copy(update={"runtime": settings.runtime.model_copy(update={"workers": 1})})
    with monkeypatch.context() as patch:
        if why == "bug":
            patch.setattr(sound_check, "checked", broken)
        else:
            patch.setattr(segments, "_MOST_KEPT", 1000)
        segments.run(settings, each=each.local(settings.runtime))
    assert not cached_later()
    assert len(reader.ids()) == 18
    read(settings)
    assert extracted(settings)[1].done == 2


def test_one_more_video_costs_one_video(prepared: Config) -> None:
    whole, prepared = prepared, prepared.model_copy(update={"features": {}})
    forget_later()
    everything = tables.read(paths.UTTERANCES, tables.UTTERANCES)
    fewer = everything.filter([group != "train-1" for group in everything["group"].to_pylist()])
    tables.write(fewer, paths.UTTERANCES, tables.UTTERANCES)
    segments.run(prepared, each=each.local(prepared.runtime))
    read(prepared)
    assert extracted(whole)[1].done == 2
    tables.write(everything, paths.UTTERANCES, tables.UTTERANCES)
    segments.run(prepared, each=each.local(prepared.runtime))
    read(prepared)
    assert extracted(whole)[1].done == 1


def test_sound_is_read_span_by_span_and_not_decoded_as_a_whole(
    prepared: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.media import decode

    forget_later()
    monkeypatch.setattr(decode, "samples_and_format", lambda path: pytest.fail(f"{path} was decoded"))
    longest, original = list[int](), soundfile.SoundFile.read

    def watched(self: Any, frames: int = -1, *args: Any, **kwargs: Any) -> Any:
        longest.append(frames)
        return original(self, frames, *args, **kwargs)

    monkeypatch.setattr(soundfile.SoundFile, "read", watched)
    read(prepared)
    extracted(prepared)
    assert max(longest) == round(2.4 * 16_000), "one utterance at a time"


def test_a_missing_and_a_damaged_recording_cost_their_own_utterances(prepared: Config) -> None:
    forget_later()
    (paths.MEDIA / "train-0.flac").unlink()
    whole = (paths.MEDIA / "train-1.flac").read_bytes()
    (paths.MEDIA / "train-1.flac").write_bytes(b"not a sound" + whole[11:])
    rows = read(prepared)
    rejects = tables.read(paths.rejected("corpus@interviews"), tables.REJECTED).to_pylist()
    assert {(row["item"], row["reason"]) for row in rejects} == {
        ("train-0.flac", "no such file"), ("train-1.flac", "unreadable"),
    }  # fmt: skip
    assert {row["group"] for row in rows if row["audio"]} == {"test-0"}
    assert {row["group"] for row in rows} == {"train-0", "train-1", "test-0"}, "the text is there"


def test_the_doctor_examines_the_interviews(prepared: Config) -> None:
    read(prepared)
    diagnosis = doctor.examine("interviews", prepared)
    assert (diagnosis.facts.n, diagnosis.facts.n_with_sound, diagnosis.facts.n_rejected) == (27, 27, 0)
    # the sound of these interviews is a tone: there is no speech in it
    assert [(item.kind, item.n) for item in diagnosis.complaints] == [("nearly empty", 27)]
    assert diagnosis.verdict == "usable"


def test_the_shipped_entries_name_the_corpus_and_its_features(settings: Config) -> None:
    assert settings.corpora == {"interviews": Corpus(reader="interviews", path="data/interviews")}
    assert settings.corpora["interviews"].media == paths.MEDIA
    windows = asdict(mid_term.AnalysisWindows())
    assert settings.features == {FEATURES: Extraction(corpus="interviews", extractor="mid-term", settings=windows)}
    _, entries = recipe_book.entries("interviews", "source", "interviews")
    assert {name: Experiment(**entry) for name, entry in entries.items()} == settings.experiments


def test_without_the_table_the_corpus_says_which_stage_writes_it(project: object, settings: Config) -> None:
    with pytest.raises(InputError, match="write it: undertone run interviews"):
        corpus.run(settings, "interviews", each=each.local(settings.runtime))
