"""The network of several modalities: it uses all of them, does without any, and who lacks one disturbs nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch

from tasks.core.errors import InputError
from tasks.features.base.sequences import Sequences
from tasks.models.base import registry
from tasks.models.base.estimator import Development, Inputs, TrainingPart
from tasks.models.base.joined_sequences import shortened
from tasks.models.cross_modal import CrossModal, CrossModalSettings, CrossModalSvm, CrossModalSvmSettings
from tasks.models.networks import cross_modal as networks
from tasks.models.networks.cross_modal import ModalityInput

CLASSES = np.array(["anger", "joy", "neutral", "sadness"])
SMALL: Mapping[str, Any] = {
    "projection": 8,
    "hidden": 4,
    "heads": 2,
    "epochs": 14,
    "batch_size": 16,
    "learning_rate": 0.01,
    "dropout": 0.0,
}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_DEVICE", "cpu")


def sequences(values: list[np.ndarray]) -> Sequences:
    lengths = np.array([len(case) for case in values], dtype=np.int64)
    return Sequences(np.concatenate(values).astype(np.float32), np.cumsum(lengths) - lengths, lengths)


def drawn(n: int = 160, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Four classes: words tell one half of what they are, the voice the other; neither tells more than a half."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(4), rng.integers(0, 4, n - 4)])
    words, voice = [], []
    for code in codes:
        steps = rng.standard_normal((rng.integers(2, 6), 3))
        steps[:, 0] += 4.0 * (code // 2) - 2.0
        words.append(100 + 10 * steps)
        sound = rng.standard_normal((rng.integers(3, 9), 2))
        sound[:, 1] += 4.0 * (code % 2) - 2.0
        voice.append(sound)
    units = np.array([f"row-{seed}-{number}" for number in range(n)])
    return Inputs(units, sequences={"words": sequences(words), "voice": sequences(voice)}), CLASSES[codes]


def without(inputs: Inputs, block: str, rows: np.ndarray) -> Inputs:
    """Take a block away from some rows."""
    result = dict(inputs.sequences)
    lengths = result[block].lengths.copy()
    lengths[rows] = 0
    result[block] = Sequences(result[block].steps, result[block].starts, lengths)
    return Inputs(inputs.units, inputs.vectors, result)


def made(seed: int = 1, **settings: Any) -> CrossModal:
    return CrossModal(CrossModalSettings(**{**SMALL, **settings}), seed)


def accuracy(fitted: Any, inputs: Inputs, target: np.ndarray) -> float:
    return float((np.array(fitted.outputs_)[fitted.scores(inputs).argmax(axis=1)] == target).mean())


@pytest.fixture(scope="module")
def whole() -> CrossModal:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("UNDERTONE_DEVICE", "cpu")
        return made(modality_dropout=0.3).fit(*drawn(), development=Development(*drawn(60, seed=9)))


@pytest.fixture(params=["all", "others"])
def attend(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_it_has_as_many_parameters_as_the_source_counts() -> None:
    """The source prints 5,813,255 with projections from 25 numbers; the rest is what it names, layer by layer."""
    blocks = [{"name": name, "mean": [0.0], "scale": [1.0]} for name in ("voice", "text", "video")]
    modalities = [{"name": block["name"], "blocks": [block]} for block in blocks]
    with torch.device("meta"):
        network = CrossModal(CrossModalSettings())._build({"modalities": modalities}, 7, fitting=True)
    named = dict(network.named_parameters())
    counted = {name: value.numel() for name, value in named.items() if ".project." not in name}
    assert sum(counted.values()) == 5_785_095
    assert sum(count for name, count in counted.items() if ".lstm." in name) == 3 * 1_576_960
    # the voice's 25 numbers, twice; 1,536 parameters are of no layer that it prints
    assert 5_785_095 + 2 * (25 * 512 + 512) == 5_811_719 < 5_813_255


def test_blocks_in_turn_have_a_projection_each() -> None:
    """As the source prints: 25 numbers to 512, beside the states of a speech encoder."""
    blocks = [
        {"name": name, "mean": [0.0] * n, "scale": [1.0] * n} for name, n in {"wav2vec2": 768, "numbers": 25}.items()
    ]
    text, video = (
        {"name": name, "mean": [0.0] * n, "scale": [1.0] * n} for name, n in {"text": 384, "video": 2048}.items()
    )
    shape = {
        "modalities": [
            {"name": "sound", "blocks": blocks},
            {"name": "text", "blocks": [text]},
            {"name": "video", "blocks": [video]},
        ]
    }
    with torch.device("meta"):
        network = CrossModal(CrossModalSettings(blocks="in-turn"))._build(shape, 7, fitting=True)
    projections = {
        name: tuple(value.shape)
        for name, value in network.named_parameters()
        if ".project." in name and "weight" in name
    }
    assert projections == {
        "readers.0.project.layers.0.weight": (512, 768),
        "readers.0.project.layers.1.weight": (512, 25),
        "readers.1.project.weight": (512, 384),
        "readers.2.project.weight": (512, 2048),
    }
    assert sum(value.numel() for value in network.parameters()) == 5_785_095 + 1_653_248


def test_a_projection_sees_only_its_own_block() -> None:
    project = networks._ProjectionByBlock((3, 2), 4)
    steps = torch.zeros(1, 2, 7)
    steps[0, 0, :3], steps[0, 0, 5] = torch.tensor([1.0, 2.0, 3.0]), 1
    steps[0, 1, 3:5], steps[0, 1, 6] = torch.tensor([4.0, 5.0]), 1
    first, second = project.layers
    torch.testing.assert_close(project(steps)[0, 0], first(torch.tensor([1.0, 2.0, 3.0])))
    torch.testing.assert_close(project(steps)[0, 1], second(torch.tensor([4.0, 5.0])))


def test_blocks_in_turn_are_learned_kept_and_may_be_missing() -> None:
    settings = {"together": {"both": ["words", "voice"]}, "blocks": "in-turn"}
    inputs, target = drawn()
    unseen, truth = drawn(seed=6)
    some = np.arange(0, len(target), 5)
    fitted = made(**settings).fit(without(inputs, "voice", some), target)
    assert [modality["name"] for modality in fitted.shape["modalities"]] == ["both"]
    assert accuracy(fitted, unseen, truth) > 0.85
    again = made(**settings).read(fitted.files())
    np.testing.assert_array_equal(again.scores(unseen), fitted.scores(unseen))
    everyone = np.arange(len(unseen))
    assert accuracy(fitted, without(unseen, "voice", everyone), truth) < 0.65
    nothing = without(without(unseen, "voice", everyone), "words", everyone)
    assert np.isfinite(fitted.scores(nothing)).all()


def test_it_knows_what_no_modality_knows_alone(attend: Any) -> None:
    unseen, truth = drawn(seed=6)
    fitted = made(attend=attend).fit(*drawn())
    assert accuracy(fitted, unseen, truth) > 0.85
    np.testing.assert_allclose(fitted.scores(unseen).sum(axis=1), 1, atol=1e-6)
    everyone = np.arange(len(unseen))
    for block in ("words", "voice"):
        assert accuracy(fitted, without(unseen, block, everyone), truth) < 0.65


def test_sixteen_rows_are_learned_by_heart_and_shuffled_labels_teach_nothing(attend: Any) -> None:
    inputs, target = drawn(16)
    assert accuracy(made(attend=attend, epochs=60).fit(inputs, target), inputs, target) == 1
    inputs, target = drawn()
    shuffled = np.random.default_rng(1).permutation(target)
    assert accuracy(made(attend=attend, epochs=6).fit(inputs, shuffled), *drawn(seed=6)) < 0.4


def test_without_a_modality_the_other_one_still_tells_its_half(whole: CrossModal) -> None:
    """The voice tells joy and sadness from anger and neutral, whoever has no words."""
    unseen, truth = drawn(seed=6)
    mute = without(unseen, "words", np.arange(len(unseen)))
    result = np.array(whole.outputs_)[whole.scores(mute).argmax(axis=1)]
    half = np.isin(truth, ["joy", "sadness"])
    assert (np.isin(result, ["joy", "sadness"]) == half).mean() > 0.85


def test_a_row_without_a_modality_is_trained_on_and_changes_no_other_rows_scores(attend: Any) -> None:
    inputs, target = drawn()
    some = np.arange(0, 160, 3)
    fitted = made(attend=attend, epochs=4).fit(without(inputs, "voice", some), target)
    unseen, _ = drawn(60, seed=6)
    rows = np.array([1, 4, 7])
    before, after = fitted.scores(unseen), fitted.scores(without(unseen, "voice", rows))
    untouched = np.setdiff1d(np.arange(60), rows)
    np.testing.assert_allclose(after[untouched], before[untouched], atol=1e-6)
    assert np.abs(after[rows] - before[rows]).max() > 1e-3
    assert np.isfinite(after).all()


def test_a_row_without_anything_gets_the_same_scores_as_any_other_such_row(attend: Any) -> None:
    inputs, target = drawn()
    fitted = made(attend=attend, epochs=2).fit(inputs, target)
    everyone = np.arange(len(inputs))
    nothing = without(without(inputs, "voice", everyone), "words", everyone)
    scores = fitted.scores(nothing)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, np.tile(scores[:1], (len(scores), 1)), atol=1e-6)


def test_what_fills_a_batch_up_is_never_seen(whole: CrossModal) -> None:
    unseen, _ = drawn(60, seed=6)
    together = whole.scores(unseen)
    alone = np.concatenate([whole.scores(unseen.rows(np.array([row]))) for row in range(20)])
    np.testing.assert_allclose(alone, together[:20], atol=1e-6)


def test_others_attends_to_nothing_of_its_own_where_there_is_something_else() -> None:
    network = networks.CrossModalModule(
        [ModalityInput(1, [0.0], [1.0]), ModalityInput(1, [0.0], [1.0])],
        2,
        projection=4,
        hidden=2,
        heads=1,
        attend="others",
        dropout=0.0,
        modality_dropout=0.0,
    ).eval()
    real = torch.tensor([[True, True, True, False], [True, True, False, False], [False, False, False, False]])
    blocked = network._blocked(real, torch.tensor([0, 0, 1, 1]))
    # both modalities: the two steps of the first see the one real step of the second, and it sees them
    assert (~blocked[0]).int().tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    # one modality: it has nothing but itself
    assert (~blocked[1]).int().tolist() == [[1, 1, 0, 0]] * 4
    # none: a softmax over nothing is not a number
    assert not blocked[2].any()


def test_attention_shares_add_up_and_go_to_what_is_there(whole: CrossModal) -> None:
    unseen, _ = drawn(60, seed=6)
    names, shares = whole.attended(unseen)
    assert names == ("words", "voice")
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (shares > 0.02).all()
    rows = np.array([0, 5])
    _, shares = whole.attended(without(unseen, "words", rows))
    np.testing.assert_allclose(shares[rows], [[0, 1], [0, 1]], atol=1e-6)


def test_hidden_modalities_are_there_and_leave_another_one() -> None:
    torch.manual_seed(1)
    there = torch.tensor([[True, True, False], [True, False, False], [True, True, True]]).repeat(2_000, 1)
    result = networks.hidden(there, 0.4)
    assert not (result & ~there).any()
    assert result.sum(dim=1).max() == 1
    assert result.view(-1, 3, 3).any(dim=2).float().mean(dim=0).tolist() == pytest.approx([0.4, 0, 0.4], abs=0.04)
    of_third = result.view(-1, 3, 3)[:, 2].float().mean(dim=0)
    assert of_third.tolist() == pytest.approx([0.4 / 3] * 3, abs=0.03)


def test_vectors_are_sequences_of_one_step(whole: CrossModal) -> None:
    inputs, target = drawn()
    rng = np.random.default_rng(2)
    codes = np.searchsorted(CLASSES, target)
    voice = rng.standard_normal((160, 5)) + 4.0 * np.eye(2, 5)[codes % 2]
    both = Inputs(inputs.units, {"functionals": voice}, {"words": inputs.sequences["words"]})
    fitted = made().fit(both, target)
    assert fitted.attended(both)[0] == ("functionals", "words")
    assert accuracy(fitted, both, target) > 0.85


def test_long_sequences_have_means_of_neighbouring_steps() -> None:
    steps = np.arange(14, dtype=np.float32).reshape(7, 2)
    np.testing.assert_array_equal(shortened(steps, 7), steps)
    np.testing.assert_array_equal(shortened(steps, 3), [[1, 2], [5, 6], [10, 11]])
    inputs, target = drawn(40)
    assert made(epochs=1, max_steps=2).fit(inputs, target).examples(inputs).lengths.max() == 4


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_an_svm_decides_on_what_is_pooled(kernel: Any) -> None:
    inputs, target = drawn()
    settings = CrossModalSvmSettings(**{**SMALL, "epochs": 8}, kernel=kernel)
    fitted = CrossModalSvm(settings, 1).fit(inputs, target)
    unseen, truth = drawn(seed=6)
    assert fitted.embeddings(unseen).shape == (160, 8)
    assert accuracy(fitted, unseen, truth) > 0.85
    files = fitted.files()
    assert {"model.json", "weights.safetensors", "svm/model.json", "svm/weights.safetensors"} == set(files)
    loaded = registry.model("cross-modal-svm").load(settings, files)
    np.testing.assert_array_equal(loaded.scores(unseen), fitted.scores(unseen))
    assert loaded.files() == files


def test_a_model_comes_back_from_its_files_and_the_seed_decides_them() -> None:
    inputs, target = drawn(80)
    fitted = made(epochs=2, modality_dropout=0.5, dropout=0.2).fit(inputs, target)
    files = fitted.files()
    loaded = registry.model("cross-modal").load(fitted.settings, files)
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    assert loaded.files() == files == made(epochs=2, modality_dropout=0.5, dropout=0.2).fit(inputs, target).files()
    assert files != made(2, epochs=2, modality_dropout=0.5, dropout=0.2).fit(inputs, target).files()


def test_labels_and_values_are_learned_too() -> None:
    inputs, target = drawn()
    joy = np.isin(target, ["joy", "sadness"]).astype(float)
    labels = made().fit(inputs, np.stack([joy, 1 - joy], axis=1))
    assert ((labels.scores(inputs) > 0.5)[:, 0] == (joy > 0)).mean() > 0.8
    values = made().fit(inputs, 10 * joy)
    assert np.corrcoef(values.scores(inputs)[:, 0], joy)[0, 1] > 0.7


def test_what_it_cannot_take_is_told(whole: CrossModal) -> None:
    inputs, target = drawn()
    result = Inputs(inputs.units, texts={"said": np.array(["yes"] * 160, dtype=object)})
    with pytest.raises(InputError, match="takes sequences and vectors, found said"):
        made().fit(result, target)
    with pytest.raises(ValueError, match=r"expected blocks of \{'words': 3, 'voice': 2\} features, found"):
        whole.scores(inputs.only(["words"]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": 3, "hidden": 4}, r"heads must be a divisor of 2 × hidden, 8, found 3"),
        ({"hidden": 0}, "hidden must"),
        ({"max_steps": 0}, "max_steps must"),
        ({"modality_dropout": 1.5}, "modality_dropout must"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CrossModalSettings(**settings)


def test_blocks_of_one_modality_are_read_side_by_side() -> None:
    """Words and voice as one modality: one BiLSTM, and no attention between the two to tell of."""
    inputs, target = drawn()
    together = {"both": ["voice", "words"]}
    fitted = made(together=together).fit(inputs, target)
    unseen, truth = drawn(seed=6)
    assert accuracy(fitted, unseen, truth) > 0.85
    assert len(fitted.networks_[0].readers) == 1
    assert fitted.attended(unseen)[0] == ("both",)
    again = made(together=together).read(fitted.files())
    np.testing.assert_array_equal(again.scores(unseen), fitted.scores(unseen))
    mute = without(unseen, "words", np.arange(len(unseen)))
    assert np.isfinite(fitted.scores(mute)).all()
    assert accuracy(fitted, mute, truth) < 0.65
    alone = inputs.only(["voice"])
    assert made(together=together, epochs=1).fit(alone, target).attended(alone)[0] == ("both",)


def test_a_block_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="every block once"):
        CrossModalSettings(together={"one": ["voice"], "two": ["words", "voice"]})


def test_an_svm_on_a_network_that_knows_more_classes_scores_its_own() -> None:
    inputs, target = drawn()
    fewer = np.flatnonzero(target != "joy")
    fitted = CrossModalSvm(CrossModalSvmSettings(**SMALL), 1)
    fitted.beyond = TrainingPart(inputs, target, None)
    fitted.fit(inputs.rows(fewer), target[fewer])
    assert "joy" not in fitted.outputs_
    assert fitted.scores(inputs).shape == (len(inputs), len(fitted.outputs_))
    again = CrossModalSvm(CrossModalSvmSettings(**SMALL), 1).read(fitted.files())
    assert again.outputs_ == fitted.outputs_


def test_a_killed_training_goes_on_with_the_same_result(
    tmp_path: Path, killed_after_two_epochs: Callable[[], AbstractContextManager[None]]
) -> None:
    inputs, target = drawn()
    settings = CrossModalSvmSettings(**{**SMALL, "epochs": 4, "modality_dropout": 0.3})
    whole = CrossModalSvm(settings, 1).fit(inputs, target).files()
    with killed_after_two_epochs():
        CrossModalSvm(settings, 1).fit(inputs, target, folder=tmp_path)
    assert CrossModalSvm(settings, 1).fit(inputs, target, folder=tmp_path).files() == whole
