"""Features of a corpus: once each, in batches, with what was said before at hand; a new recording costs one batch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.core import config, each, paths, tables
from tasks.core.config import Config, Corpus, Extraction
from tasks.core.errors import AudioError, InputError
from tasks.features.base import extraction, registry, store
from tasks.features.base.extractor import Extractor, Sound
from tasks.features.video import contact_sheet, utterance_frames
from tasks.on_demand import simulated_corpora
from tasks.stages import corpus, extract


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    for reader in ("meld", "tess"):
        simulated_corpora.make(reader, folder / reader)
    return folder


@pytest.fixture
def read(project: Path, simulated: Path) -> Config:
    """Both simulated corpora, read; features to be named by the test."""
    settings = config.load(paths.PARAMS)
    runtime = settings.runtime.model_copy(update={"workers": 1, "progress": "never"})
    entries = {name: Corpus(reader=name, path=str(simulated / name)) for name in ("meld", "tess")}
    settings = settings.model_copy(update={"corpora": entries, "runtime": runtime})
    for name in entries:
        corpus.run(settings, name, each=each.local(runtime))
    return settings


def run(read: Config, name: str, **entry: Any) -> tuple[store.Features, each.Tally]:
    settings = read.model_copy(update={"features": {name: Extraction(**entry)}})
    tally = each.Tally()
    extract.run(settings, name, each=tally.of(each.local(settings.runtime)))
    return store.read(paths.features(entry["corpus"], name)), tally


def test_without_the_corpus_nothing_is_extracted(read: Config, tmp_path: Path) -> None:
    gone = read.corpora["tess"].model_copy(update={"path": str(tmp_path / "gone")})
    read = read.model_copy(update={"corpora": {"tess": gone}})
    with pytest.raises(InputError, match=r"files of corpus tess are not on this machine: there is no folder .*gone"):
        run(read, "voices", corpus="tess", extractor="functionals")
    assert not paths.features("tess", "voices").exists()


def test_every_utterance_has_its_features(read: Config) -> None:
    found, tally = run(read, "voices", corpus="tess", extractor="functionals")
    rows = tables.read_corpus(paths.utterances("tess")).to_pylist()
    assert found.ids == sorted(row["utterance_id"] for row in rows)
    assert found.values.shape == (len(rows), found.card["n_features"])
    assert len(found.card["names"]) == found.card["n_features"]
    assert found.card["reads"] == "sound"
    assert tally.items > 1
    _, again = run(read, "voices", corpus="tess", extractor="functionals")
    assert again.done == 0


def test_the_same_bytes_whatever_the_workers(read: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    run(read, "voices", corpus="tess", extractor="mid-term")
    folder = paths.features("tess", "voices")
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(paths, "MEMO", Path("elsewhere"))
    two = read.model_copy(update={"runtime": read.runtime.model_copy(update={"workers": 2})})
    run(two, "voices", corpus="tess", extractor="mid-term")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_the_sound_of_an_mp4_is_taken_by_its_utterance(read: Config) -> None:
    found, _ = run(read, "sound", corpus="meld", extractor="functionals")
    assert len(found.ids) == tables.read_corpus(paths.utterances("meld")).num_rows
    assert np.isfinite(found.values).all()


def test_a_dialogue_is_at_hand_and_another_one_is_not(read: Config) -> None:
    settings = {"context": 2, "speakers": True, "separator": " | "}
    found, _ = run(read, "words", corpus="meld", extractor="text", settings=settings)
    rows = {row["utterance_id"]: row for row in tables.read_corpus(paths.utterances("meld")).to_pylist()}
    texts = dict(zip(found.ids, found.index["text"].to_pylist(), strict=True))
    first, third = (texts[f"meld/train-dia1-utt{turn}"] for turn in (0, 2))
    assert " | " not in first
    assert third.count(" | ") == 2
    for turn, part in enumerate(third.split(" | ")):
        assert part.endswith(rows[f"meld/train-dia1-utt{turn}"]["text"])
        assert part.lower().startswith(rows[f"meld/train-dia1-utt{turn}"]["speaker"].rpartition("/")[2].lower())


def test_a_new_recording_costs_one_batch(read: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "_FILES_PER_BATCH", 4)
    larger = tmp_path / "tess"
    shutil.copytree(read.corpora["tess"].path, larger)
    clips = sorted(larger.rglob("*.wav"))
    kept = clips[-1].read_bytes()
    clips[-1].unlink()
    settings = read.model_copy(update={"corpora": {"tess": Corpus(reader="tess", path=str(larger))}})
    corpus.run(settings, "tess", each=each.local(read.runtime))
    _, before = run(settings, "voices", corpus="tess", extractor="mid-term")
    clips[-1].write_bytes(kept)
    corpus.run(settings, "tess", each=each.local(read.runtime))
    _, after = run(settings, "voices", corpus="tess", extractor="mid-term")
    assert before.done == before.items > 4
    assert after.done == 1


def test_sound_that_cannot_be_used_is_rejected_alone(read: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: Any) -> Any:
        def extracted(batch: list[Sound]) -> list[Any]:
            if any(one.samples.size % 7 == 0 for one in batch):
                raise AudioError("a multiple of seven samples")
            return [np.ones(2, np.float32) for _ in batch]

        return extracted

    kind = registry.extractor("functionals").settings
    odd = Extractor("functionals", "odd", "sound", "vector", kind, start)
    monkeypatch.setattr(registry, "extractor", lambda _: odd)
    extraction._started.cache_clear()
    found, _ = run(read, "odd", corpus="tess", extractor="functionals")
    extraction._started.cache_clear()
    rejected = tables.read(paths.features("tess", "odd") / "rejected.parquet", tables.REJECTED).to_pylist()
    assert {row["reason"] for row in rejected} == {"no features"}
    assert len(found.ids) + len(rejected) == tables.read_corpus(paths.utterances("tess")).num_rows
    assert 0 < len(rejected) < len(found.ids)


def test_a_corpus_without_sound(read: Config) -> None:
    path = paths.sounds("tess")
    tables.write(tables.SOUNDS.empty_table(), path, tables.SOUNDS)
    found, _ = run(read, "voices", corpus="tess", extractor="functionals")
    assert found.ids == []
    assert store.positions(found, ["tess/x"]).tolist() == [-1]


def test_unknown_features(read: Config) -> None:
    with pytest.raises(InputError, match="no features 'nobody'; it has interviews-mid-term"):
        extract.run(read, "nobody", each=each.local(read.runtime))


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    import tracemalloc

    def batches(n: int) -> Any:
        for number in range(n):
            rows = [store.row(f"c/{number:05d}", np.ones((64, 512), np.float32))]
            yield tables.from_rows(rows, store.EXTRACTED)

    peaks = []
    for n in (40, 400):
        tracemalloc.start()
        store.write(tmp_path / str(n), batches(n), {})
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2_000_000, "52 MB of values are written through less than 2 MB"
    assert json.loads((tmp_path / "400" / "card.json").read_text())["n_steps"] == 400 * 64
    assert pa.total_allocated_bytes() < 200_000_000


@pytest.fixture(scope="module")
def image_network(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("transformers", reason="image networks need the extra `deep`")
    from tasks.features.base import tiny_checkpoints as checkpoints

    return str(checkpoints.tiny_image_encoder(tmp_path_factory.mktemp("image")))


def seen_by(network: str, **more: Any) -> dict[str, Any]:
    settings = {"checkpoint": network, "n_frames": 4, "size": 32, **more}
    return {"corpus": "meld", "extractor": "frame-states", "settings": settings}


def test_frames_are_seen_and_shown(read: Config, image_network: str) -> None:
    found, tally = run(read, "frames", **seen_by(image_network))
    rows = tables.read_corpus(paths.utterances("meld")).to_pylist()
    assert found.ids == sorted(row["utterance_id"] for row in rows if row["video"])
    assert set(found.index["n_steps"].to_pylist()) == {4}
    assert tally.items > 1
    sheet = contact_sheet.read(paths.features("meld", "frames"))
    assert len(sheet) == contact_sheet.MAX_ROWS
    assert [row["utterance_id"] for row in sheet] == sorted({row["utterance_id"] for row in sheet})
    assert sheet[-1]["utterance_id"] > found.ids[len(found.ids) * 3 // 4], "from the whole corpus"
    for row in sheet:
        assert row["jpeg"].startswith(b"\xff\xd8\xff")
        assert (row["height"], row["width"]) == (90, 4 * 120 + 3 * 2)
        assert row["times_s"] == sorted(row["times_s"])
    _, again = run(read, "frames", **seen_by(image_network))
    assert again.done == 0
    assert contact_sheet.read(paths.features("meld", "frames")) == sheet
    cropped, _ = run(read, "faces", **seen_by(image_network, crop="face"))
    assert cropped.ids == found.ids


def test_killed_amid_the_frames_it_goes_on_to_the_same_bytes(
    read: Config, image_network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def files() -> dict[str, bytes]:
        return {one.name: one.read_bytes() for one in paths.features("meld", "frames").iterdir()}

    run(read, "frames", **seen_by(image_network))
    whole = files()
    shutil.rmtree(paths.features("meld", "frames"))
    monkeypatch.setattr(paths, "MEMO", Path("elsewhere"))
    original, calls = utterance_frames.read, []

    def dies(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(utterance_frames, "read", dies)
    with pytest.raises(KeyboardInterrupt):
        run(read, "frames", **seen_by(image_network))
    monkeypatch.setattr(utterance_frames, "read", original)
    _, tally = run(read, "frames", **seen_by(image_network))
    assert 0 < tally.done < tally.items, "finished batches are not done again"
    assert files() == whole


def test_a_corpus_without_videos_needs_no_image_network(read: Config) -> None:
    settings = {"checkpoint": "nowhere/at-all"}
    found, tally = run(read, "nothing", corpus="tess", extractor="frame-states", settings=settings)
    assert found.ids == []
    assert tally.items == 0
    assert contact_sheet.read(paths.features("tess", "nothing")) == []
