"""A whole speech encoder, fine-tuned: a wav2vec 2.0 that knows nothing, made on the spot, learns pitches."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("transformers")

import torch

from tasks.core.errors import InputError
from tasks.features.base.sequences import Sequences
from tasks.features.base.tiny_checkpoints import HIDDEN, tiny_speech_encoder
from tasks.features.sound import speech_encoder
from tasks.models import speech_fine_tuned
from tasks.models.base.estimator import Development, Inputs
from tasks.models.networks.speech_classifier import SpeechClassifier, pooled
from tasks.models.speech_fine_tuned import SpeechFineTuned, SpeechFineTunedSettings

CLASSES = np.array(["high", "low"])
PITCHES_HZ = {"high": 1_200.0, "low": 150.0}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_speech_encoder(tmp_path_factory.mktemp("group")))


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_speech_encoder(tmp_path_factory.mktemp("layer"), norm="layer"))


def block(rows: list[np.ndarray]) -> Inputs:
    lengths = np.array([row.size for row in rows])
    steps = np.concatenate(rows).astype(np.float32)[:, None]
    return Inputs(np.full(len(rows), "u"), sequences={"sound": Sequences(steps, lengths.cumsum() - lengths, lengths)})


def drawn(n: int = 16, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Tones of 0.2 to 0.4 s with a little noise, normalised as `waveform` does it."""
    rng = np.random.default_rng(seed)
    target = np.resize(CLASSES, n)
    rows = []
    for label in target:
        time_s = np.arange(rng.integers(3_200, 6_400)) / 16_000
        pitch_hz = PITCHES_HZ[label] * rng.uniform(0.9, 1.1)
        row = np.sin(2 * np.pi * (pitch_hz * time_s + rng.uniform())) + 0.1 * rng.standard_normal(time_s.size)
        rows.append((row - row.mean()) / row.std())
    return block(rows), target


def small(checkpoint: str, **settings: Any) -> SpeechFineTunedSettings:
    plain = {"epochs": 8, "batch_size": 4, "accumulate": 1, "learning_rate": 2e-3, "head_learning_rate": 5e-3}
    return SpeechFineTunedSettings(checkpoint=checkpoint, **(plain | settings))


def network(checkpoint: str, **settings: Any) -> SpeechClassifier:
    model = SpeechFineTuned(small(checkpoint, **settings), 1)
    shape = model._measure(drawn(2)[0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return model._build(shape, 3, fitting=True).eval()


def right(model: SpeechFineTuned, inputs: Inputs, truth: np.ndarray) -> float:
    return float((CLASSES[model.scores(inputs).argmax(axis=1)] == truth).mean())


def test_it_learns_what_is_there_and_only_that(checkpoint: str) -> None:
    inputs, target = drawn()
    unseen, truth = drawn(40, seed=6)
    settings = small(checkpoint, freeze_feature_encoder=False)
    fitted = SpeechFineTuned(settings, 1).fit(inputs, target, development=Development(*drawn(8, seed=7)))
    assert right(fitted, inputs, target) == 1
    assert right(fitted, unseen, truth) > 0.9
    np.testing.assert_allclose(fitted.scores(unseen).sum(axis=1), 1)
    assert "development_macro_f1" in fitted.curves_[0]
    # half of each class is called the other: nothing about pitch is left to learn
    noise = np.where(np.arange(16) // 2 % 2, target, target[::-1])
    assert 0.25 <= right(SpeechFineTuned(settings, 1).fit(inputs, noise), unseen, truth) <= 0.75


def test_convolutions_stay_where_they_are_told_to(checkpoint: str) -> None:
    inputs, target = drawn(8)
    before = dict(speech_encoder.load(checkpoint)[1].named_parameters())

    def moved(*, frozen: bool) -> set[str]:
        settings = small(checkpoint, epochs=1, freeze_feature_encoder=frozen)
        after = SpeechFineTuned(settings, 1).fit(inputs, target).networks_[0].encoder.named_parameters()
        return {name for name, case in after if not case.equal(before[name])}

    frozen, free = moved(frozen=True), moved(frozen=False)
    assert "encoder.layers.0.attention.q_proj.weight" in frozen
    assert "encoder.layers.1.feed_forward.output_dense.weight" in frozen
    assert "feature_projection.projection.weight" in frozen
    assert not any(name.startswith("feature_extractor") for name in frozen)
    assert {f"feature_extractor.conv_layers.{k}.conv.weight" for k in range(3)} <= free


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_a_row_in_a_batch_is_the_row_alone(checkpoint: str, layered: str, norm: str) -> None:
    place = checkpoint if norm == "group" else layered
    inputs, target = drawn()
    fitted = SpeechFineTuned(small(place, epochs=1), 1).fit(inputs, target)
    alone = np.concatenate([fitted.scores(inputs.rows(np.array([row]))) for row in range(16)])
    np.testing.assert_allclose(alone, fitted.scores(inputs), atol=1e-5)

    # and what transformers makes of it, without padding and without a mask
    net, (_, encoder) = network(place), speech_encoder.load(place)
    rows = [torch.from_numpy(inputs.sequences["sound"][row][:, 0]) for row in range(5)]
    with torch.inference_mode():
        lengths = torch.tensor([len(row) for row in rows])
        outputs = net(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths)
        expected = torch.cat([net.head(encoder(row[None]).last_hidden_state.mean(dim=1)) for row in rows])
    torch.testing.assert_close(outputs, expected, atol=1e-5, rtol=0)


def test_families_that_let_padding_in_run_row_by_row() -> None:
    library = pytest.importorskip("transformers")
    config = library.Data2VecAudioConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(32,) * 3,
        conv_kernel=(20, 8, 4),
        conv_stride=(10, 8, 4),
        num_conv_pos_embeddings=3,
        conv_pos_kernel_size=5,
        num_conv_pos_embedding_groups=4,
    )
    encoder = library.Data2VecAudioModel(config)
    net = SpeechClassifier(
        encoder, 2, pooling="max", dropout=0.0, frozen=True, spec_augment=True, layer_decay=1.0, head_rate=1e-3
    ).eval()
    waveform, lengths = torch.randn(3, 6_400), torch.tensor([6_400, 3_200, 4_801])
    with torch.inference_mode():
        together = net(waveform, lengths)
        alone = [net(row[None, :length], length[None]) for row, length in zip(waveform, lengths, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-6, rtol=0)


def test_a_model_comes_back_without_its_checkpoint(checkpoint: str, tmp_path: Path) -> None:
    place = tmp_path / "gone"
    shutil.copytree(checkpoint, place)
    inputs, target = drawn(8)
    settings = small(str(place), epochs=1)
    fitted = SpeechFineTuned(settings, 1).fit(inputs, target)
    files, again = fitted.files(), SpeechFineTuned(settings, 1).fit(inputs, target).files()
    assert files == again
    assert set(files) == {"weights.safetensors", "model.json", "encoder/config.json"}
    assert str(tmp_path).encode() not in b"".join(files.values())
    shutil.rmtree(place)
    before = torch.random.get_rng_state()
    loaded = speech_fine_tuned.MODELS[0].load(settings, files)
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    assert loaded.files() == files
    assert loaded.scores(inputs.rows(np.arange(0))).shape == (0, 2)


@pytest.mark.parametrize("pooling", ["mean", "max", "sum"])
def test_pooling_is_over_a_rows_own_frames(pooling: str) -> None:
    states, n_frames = torch.randn(3, 7, 5), torch.tensor([7, 1, 4])
    expected = [
        {"mean": case.mean(0), "max": case.amax(0), "sum": case.sum(0)}[pooling]
        for case in (row[:n] for row, n in zip(states, n_frames, strict=True))
    ]
    torch.testing.assert_close(pooled(states, n_frames, pooling), torch.stack(expected))


@pytest.mark.parametrize("pooling", ["max", "sum"])
def test_other_poolings_learn_as_well(checkpoint: str, pooling: Any) -> None:
    inputs, target = drawn()
    settings = small(checkpoint, pooling=pooling, freeze_feature_encoder=False, head_learning_rate=2e-3)
    assert right(SpeechFineTuned(settings, 1).fit(inputs, target), inputs, target) > 0.9


def test_labels_and_values_are_learned_too(checkpoint: str) -> None:
    inputs, target = drawn()
    high = (target == "high").astype(float)
    settings = small(checkpoint, freeze_feature_encoder=False)
    labels = SpeechFineTuned(settings, 1).fit(inputs, np.stack([high, 1 - high], axis=1))
    assert ((labels.scores(inputs) > 0.5)[:, 0] == (high > 0)).mean() > 0.9
    values = SpeechFineTuned(settings, 1).fit(inputs, 10 * high)
    assert np.corrcoef(values.scores(inputs)[:, 0], high)[0, 1] > 0.8


def test_spec_augment_is_drawn_by_the_seed(checkpoint: str, tmp_path: Path) -> None:
    import json

    place = Path(shutil.copytree(checkpoint, tmp_path / "masks"))
    config = json.loads((place / "config.json").read_text())
    masks = {"mask_time_prob": 0.4, "mask_time_length": 5, "layerdrop": 0.2, "mask_feature_prob": 0.1}
    (place / "config.json").write_text(json.dumps(config | masks | {"mask_feature_length": 4}))
    from safetensors.torch import load_file, save_file

    weights = load_file(place / "model.safetensors")
    save_file(weights | {"masked_spec_embed": torch.zeros(HIDDEN)}, place / "model.safetensors", {"format": "pt"})
    net, bare = (network(str(place), spec_augment=wanted, dropout=0.0).train() for wanted in (True, False))

    def made(result: SpeechClassifier, seed: int, n_samples: int = 6_400) -> torch.Tensor:
        torch.manual_seed(seed)
        waveform = torch.sin(torch.arange(2.0 * n_samples).reshape(2, -1))
        return result(waveform, torch.tensor([n_samples, n_samples])).detach()

    with torch.random.fork_rng(devices=[]):
        np.random.seed(1)
        first, state = made(net, 1), np.random.get_state()[1].tolist()
        assert np.random.get_state()[1].tolist() == state
        np.random.seed(2)
        assert torch.equal(made(net, 1), first)
        assert not torch.equal(made(net, 2), first)
        assert not torch.equal(made(bare, 1), first)
        # shorter than one mask: transformers refuses to mask, here it is left whole
        assert torch.isfinite(made(net, 1, n_samples=900)).all()
    assert "masked_spec_embed" not in {
        name for name, parameter in net.encoder.named_parameters() if parameter.requires_grad
    }


def test_lower_layers_learn_less_and_frozen_ones_nothing(checkpoint: str) -> None:
    net = network(checkpoint, layer_decay=0.5, head_learning_rate=7e-3)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    rates = {}
    for group in net.groups(1e-3):
        rates |= {names[id(parameter)]: (group["lr"], group.get("weight_decay")) for parameter in group["params"]}
    assert set(names.values()) - set(rates) == {n for n in names.values() if n.startswith("encoder.feature_extractor")}
    assert rates["encoder.encoder.layers.1.attention.q_proj.weight"] == (1e-3, None)
    assert rates["encoder.encoder.layers.0.attention.q_proj.weight"] == (5e-4, None)
    assert rates["encoder.encoder.layers.0.attention.q_proj.bias"] == (5e-4, 0.0)
    assert rates["encoder.feature_projection.projection.weight"] == (2.5e-4, None)
    assert rates["head.4.weight"] == (7e-3, None)
    assert net.groups(1e-3)[0]["lr"] == 1e-3
    free = network(checkpoint, layer_decay=0.5, freeze_feature_encoder=False).groups(1e-3)
    # convolutions are numbered too, and are no layers of the transformer
    lowest = [parameter for group in free if group["lr"] == 2.5e-4 for parameter in group["params"]]
    assert {HIDDEN * HIDDEN * 8, HIDDEN * HIDDEN * 4} <= {case.numel() for case in lowest}


def test_the_last_linear_layer_is_the_last_module_of_its_kind(checkpoint: str) -> None:
    net = network(checkpoint)
    last = [module for module in net.modules() if isinstance(module, torch.nn.Linear)][-1]
    assert last is net.head[-1] and (last.in_features, last.out_features) == (HIDDEN, 3)
    inputs, target = drawn(8)
    assert SpeechFineTuned(small(checkpoint, epochs=1), 1).fit(inputs, target).embeddings(inputs).shape == (8, HIDDEN)


def test_the_hidden_layer_has_the_width_that_is_asked_for(checkpoint: str) -> None:
    inputs, target = drawn(8)
    fitted = SpeechFineTuned(small(checkpoint, epochs=1, dense=12), 1).fit(inputs, target)
    linear = [module for module in fitted.networks_[0].head if isinstance(module, torch.nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(HIDDEN, 12), (12, len(CLASSES))]
    assert fitted.embeddings(inputs).shape == (8, 12)


def test_long_rows_keep_their_middle_and_short_ones_are_filled_up(checkpoint: str) -> None:
    model = SpeechFineTuned(small(checkpoint, max_duration_s=1.0))
    inputs = block([np.arange(20_000.0), np.arange(1.0, 101.0), np.arange(5_000.0)])
    model.shape = model._measure(inputs)
    # one frame is 20 + 7 * 10 + 3 * 80 samples
    assert model.shape == {"fewest": 330, "most": 16_000}
    examples = model.examples(inputs)
    assert examples.lengths is not None and examples.lengths.tolist() == [16_000, 330, 5_000]
    batch = examples.batch(np.array([1, 0]))
    assert batch["lengths"].tolist() == [330, 16_000] and batch["waveform"].dtype == np.float32
    np.testing.assert_array_equal(batch["waveform"][1], np.arange(2_000.0, 18_000.0))
    np.testing.assert_array_equal(batch["waveform"][0, :330], np.r_[np.arange(1.0, 101.0), np.zeros(230)])
    fitted = SpeechFineTuned(small(checkpoint, epochs=1), 1).fit(*drawn(8))
    assert np.isfinite(fitted.scores(block([np.ones(1), np.random.default_rng(1).standard_normal(400)]))).all()


def test_blocks_that_are_no_raw_sound_are_told(checkpoint: str) -> None:
    inputs, target = drawn(4)
    frames = Sequences(np.zeros((8, 40), np.float32), np.array([0, 4]), np.array([4, 4]))
    model = SpeechFineTuned(small(checkpoint))
    with pytest.raises(InputError, match=r"one number a step.*found 40 numbers a step in mel"):
        model.fit(Inputs(np.full(2, "u"), sequences={"mel": frames}), target[:2])
    both = Inputs(inputs.units, sequences={"a": inputs.sequences["sound"], "b": inputs.sequences["sound"]})
    with pytest.raises(InputError, match=r"one block.*found a, b"):
        model.fit(both, target)
    with pytest.raises(InputError, match="found v"):
        model.fit(Inputs(np.full(2, "u"), vectors={"v": np.zeros((2, 3))}), target[:2])


def test_a_checkpoint_that_is_nowhere_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=r"nobody/has-this.*not in the Hugging Face cache.*give the path of its folder"
    ):
        SpeechFineTuned(small("nobody/has-this")).fit(*drawn(4))
    with pytest.raises(InputError, match="there is no folder"):
        SpeechFineTuned(small(str(tmp_path / "nothing"))).fit(*drawn(4))


def test_defaults_are_those_that_were_published() -> None:
    settings = SpeechFineTunedSettings()
    assert settings.batch_size * settings.accumulate == 32
    assert (settings.learning_rate, settings.epochs, settings.freeze_feature_encoder) == (1e-4, 5, True)


@pytest.mark.parametrize(
    "settings",
    [{"layer_decay": 1.5}, {"max_duration_s": 0.5}, {"dropout": 1.0}, {"head_learning_rate": 0}, {"dense": -1}],
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
        SpeechFineTunedSettings(**settings)
