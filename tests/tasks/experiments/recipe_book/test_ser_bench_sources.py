"""Recipes `source-…` of ser-bench: networks, spectrograms and test parts are those that the document states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.corpora.readers import ravdess
from tasks.evaluation import protocols
from tasks.experiments import recipe_book
from tasks.features.base import registry as extractors
from tasks.features.base.extractor import Sound
from tasks.features.base.settings import settings_of
from tasks.models.base import registry as models

BENCH = "ser-bench"
SOURCES = [recipe for recipe in recipe_book.recipes(BENCH) if recipe.startswith("source-")]
LAYERS = {
    "-cnn-2d-2-": 2, "-cnn-2d-6-": 6, "-cnn-1d-3-": 3, "-cnn-1d-5-": 5, "-cnn-1d-8-": 8,
    "-resnet-50": 50, "-resnext-": 50, "-densenet-": 201,
}  # fmt: skip
"""Part of a recipe's name → layers with weights that the document names; for its own networks: convolutions."""


def entry_of(recipe: str) -> dict[str, Any]:
    return next(iter(recipe_book.entries(BENCH, recipe, "CORPUS")[1].values()))


def extracted(recipe: str, sound: Sound) -> np.ndarray:
    """Return the first feature set of a recipe for one sound."""
    entry = next(iter(recipe_book.entries(BENCH, recipe, "CORPUS")[0].values()))
    extractor = extractors.extractor(entry["extractor"])
    settings = settings_of(extractor.settings, entry.get("settings", {}), "features.demo")
    values: np.ndarray = extractor.start(settings)([sound])[0]
    return values


def with_weights(network: Any) -> Iterator[Any]:
    """Yield convolutions and linear layers, without the shortcuts of residual blocks."""
    from torch import nn

    for name, module in network.named_modules():
        if (
            isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear)
            and "downsample" not in name
            and "shortcut" not in name
        ):
            yield module


@pytest.mark.parametrize(
    ("recipe", "layers"), [(recipe, n) for recipe in SOURCES for part, n in LAYERS.items() if part in recipe]
)
def test_networks_have_the_layers_that_the_document_names(recipe: str, layers: int) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("lightning")
    entry = {key: value for key, value in entry_of(recipe)["model"].items() if key not in ("checkpoint", "head_epochs")}
    model = models.model(entry.pop("name"))
    made: Any = model.make(settings_of(model.settings, entry, "experiments.demo.model"), 0)
    with torch.device("meta"):
        network = made._body(made.settings.channels, 128, 240, 8, fitting=True)
    own = "cnn" in model.name
    convolutions = [module for module in with_weights(network) if hasattr(module, "kernel_size")]
    linear = [module for module in with_weights(network) if not hasattr(module, "kernel_size")]
    assert len(convolutions) == (layers if own else layers - 1)
    assert len(linear) == (1 + bool(made.settings.dense) if own else 1)
    assert not any(getattr(module, "residual", False) for module in network.modules()), "plain convolutions"


@pytest.mark.parametrize("recipe", [recipe for recipe in SOURCES if "wav2vec2" in recipe and "bert" not in recipe])
def test_an_utterance_of_wav2vec2_is_512_numbers(recipe: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("lightning")
    from tasks.models.networks.speech_classifier import SpeechClassifier

    model = entry_of(recipe)["model"]
    settings: Any = settings_of(
        models.model(model["name"]).settings,
        {key: value for key, value in model.items() if key != "name"},
        "experiments.demo.model",
    )
    library = pytest.importorskip("transformers")
    with torch.device("meta"):
        # the size of wav2vec 2.0 large
        config = library.Wav2Vec2Config(hidden_size=1024, num_attention_heads=16, num_hidden_layers=1)
        encoder = library.Wav2Vec2Model(config)
        network = SpeechClassifier(
            encoder, 8, pooling=settings.pooling, dense=settings.dense, dropout=settings.dropout,
            frozen=settings.freeze_feature_encoder, spec_augment=settings.spec_augment,
            layer_decay=settings.layer_decay, head_rate=settings.head_learning_rate,
        )  # fmt: skip
    assert network.head[-1].in_features == 512
    rates = {group["lr"] for group in network.groups(settings.learning_rate)}
    assert rates == {settings.learning_rate}, "one rate for all layers"


@pytest.mark.parametrize(
    "recipe", [recipe for recipe in SOURCES if ("cnn" in recipe or "net" in recipe or "next" in recipe)]
)
def test_sound_is_padded_before_the_analysis_or_cut_into_windows_of_sound(recipe: str) -> None:
    rng = np.random.default_rng(1)
    short, longer = (Sound(rng.uniform(-1, 1, n).astype(np.float32), 16_000) for n in (16_000, 24_000))
    one, two = extracted(recipe, short), extracted(recipe, longer)
    if "windows" in recipe:
        assert (one.shape, two.shape) == ((8_000, 1), (12_000, 1)), "samples at 8 kHz"
    else:
        assert one.shape == two.shape
    if one.shape[-1] == 128:
        seconds = 5 if "iemocap" in recipe else 3
        assert one.shape == (1 + seconds * 80, 128)
        assert (one[-1] == -80).all(), "digital silence"
        assert one.max() == 0


@pytest.mark.parametrize(
    ("recipe", "n_clips"),
    [("source-ravdess-densenet-eight", 180), ("source-ravdess-densenet-eight-windows", 120),
     ("source-ravdess-wav2vec2-eight", 240)],
)  # fmt: skip
def test_test_parts_have_as_many_clips_as_the_reports(recipe: str, n_clips: int) -> None:
    speakers = protocols.parse(entry_of(recipe)["protocol"]).speakers
    assert sum(len(list(ravdess._all_ids(speaker, "speech"))) for speaker in speakers) == n_clips


def test_test_parts_of_crema_d_are_ten_actors() -> None:
    recipes = [recipe for recipe in SOURCES if "crema" in recipe and "windows" not in recipe]
    sets = {protocols.parse(entry_of(recipe)["protocol"]).speakers for recipe in recipes}
    assert [len(speakers) for speakers in sets] == [10]
    # an actor says one sentence at three levels and eleven at one, but neutral ones always at one
    assert 10 * (5 * (3 + 11) + 12) == 820
    assert 10 * (2 * (3 + 11) + 12) == 400


@pytest.mark.real
def test_a_clip_of_ravdess_has_the_documents_number_of_frames(real_data: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples, rate_hz = soundfile.read(real_data / "ravdess/Actor_01/03-01-01-01-01-02-01.flac", dtype="float32")
    frames = extracted("ravdess-densenet-eight", Sound(samples, rate_hz))
    assert frames.shape == (118, 128)
    assert frames.max() == 0
