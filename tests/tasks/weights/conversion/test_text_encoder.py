"""Text encoders: ONNX agrees with transformers; int8 stays near float32, and a vector depends on its text alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.weights.conversion import text_encoder
from tests.tasks.weights import tiny_weights
from tests.tasks.weights.tiny_weights import HEADS, LAYERS, POSITIONS, WIDTH

FAMILIES = ("bert", "roberta", "mpnet")
WORDS = ["so", "happy", "for", "you", "but", "not", "for", "me", "at", "all"]
CLASSES = {"bert": "BertModel", "roberta": "RobertaModel", "mpnet": "MPNetModel"}


def made(folder: Path, family: str = "bert") -> Path:
    tiny_weights.text_encoder(folder, WORDS, family)
    text_encoder.convert(folder)
    return folder


def session(folder: Path, precision: str = "float32") -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(folder / f"encoder-{precision}.onnx", options)


def batch(padding: int, lengths: tuple[int, ...] = (3, 9, 12)) -> NDArray[np.int64]:
    ids = np.full((len(lengths), max(lengths)), padding, dtype=np.int64)
    rng = np.random.default_rng(3)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(4, 10, length)
    return ids


def outputs(network: Any, ids: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    names = [output.name for output in network.get_outputs()]
    return dict(zip(names, network.run(None, {"ids": ids}), strict=True))


def theirs(folder: Path, family: str, ids: NDArray[np.int64], padding: int) -> list[NDArray[np.float32]]:
    """Hidden states of transformers' model with the same weights."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model = getattr(transformers, CLASSES[family]).from_pretrained(folder, add_pooling_layer=False).eval()
    tokens = torch.tensor(ids)
    with torch.no_grad():
        states = model(tokens, attention_mask=(tokens != padding).long(), output_hidden_states=True)
    return [state.numpy() for state in states.hidden_states]


@pytest.mark.parametrize("family", FAMILIES)
def test_random_weights_agree_with_transformers(tmp_path: Path, family: str) -> None:
    folder, padding = made(tmp_path, family), 0 if family == "bert" else 1
    ids = batch(padding)
    mine, expected = outputs(session(folder), ids), theirs(folder, family, ids, padding)
    assert len(expected) == LAYERS + 1
    real = ids != padding
    for layer, states in enumerate(expected):
        assert np.abs(mine[f"layer_{layer}"] - states)[real].max() < 1e-5
        means = np.stack([row[kept].mean(axis=0) for row, kept in zip(states, real, strict=True)])
        assert np.abs(mine[f"mean_{layer}"] - means).max() < 1e-5


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "all-mpnet-base-v2"])
def test_the_published_weights_agree_with_transformers(fetched: Callable[[str], Path], name: str) -> None:
    folder, family = fetched(name), "bert" if "minilm" in name else "mpnet"
    padding = 0 if family == "bert" else 1
    ids = np.full((2, 20), padding, dtype=np.int64)
    ids[0], ids[1, :7] = np.random.default_rng(0).integers(1000, 20_000, 20), [101, 2061, 3407, 2005, 2017, 2035, 102]
    mine, expected = outputs(session(folder), ids), theirs(folder, family, ids, padding)
    assert np.abs(mine[f"layer_{len(expected) - 1}"] - expected[-1])[ids != padding].max() < 1e-4
    rounded = outputs(session(folder, "int8"), ids)[f"mean_{len(expected) - 1}"]
    assert cosines(rounded, mine[f"mean_{len(expected) - 1}"]).min() > 0.97


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_int8_is_near_float32(tmp_path: Path, family: str) -> None:
    folder, ids = made(tmp_path, family), batch(0 if family == "bert" else 1)
    mine, rounded = outputs(session(folder), ids), outputs(session(folder, "int8"), ids)
    for layer in range(LAYERS + 1):
        assert cosines(rounded[f"mean_{layer}"], mine[f"mean_{layer}"]).min() > 0.995
    assert (folder / "encoder-int8.onnx").stat().st_size < (folder / "encoder-float32.onnx").stat().st_size


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_vector_does_not_depend_on_the_texts_beside_it(tmp_path: Path, family: str, precision: str) -> None:
    padding = 0 if family == "bert" else 1
    network, ids = session(made(tmp_path, family), precision), batch(padding)
    together = outputs(network, ids)[f"mean_{LAYERS}"]
    for row, text in enumerate(ids):
        alone = outputs(network, text[None, text != padding])[f"mean_{LAYERS}"]
        assert np.abs(alone[0] - together[row]).max() < 1e-6


def test_texts_may_have_any_length_up_to_the_most_positions(tmp_path: Path) -> None:
    for family, positions in (("bert", POSITIONS), ("mpnet", POSITIONS - 2)):
        network = session(made(tmp_path / family, family))
        properties = network.get_modelmeta().custom_metadata_map
        expected = {"layers": LAYERS, "padding": int(family == "mpnet"), "positions": positions, "width": WIDTH}
        assert properties == {"precision": "float32", **{key: str(value) for key, value in expected.items()}}
        for length in (1, 2, positions):
            assert outputs(network, np.full((1, length), 5))[f"layer_{LAYERS}"].shape == (1, length, WIDTH)


def test_conversion_gives_the_same_bytes_again(tmp_path: Path) -> None:
    folder = made(tmp_path, "mpnet")
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    text_encoder.convert(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_buckets_of_distances_are_those_of_mpnet() -> None:
    torch = pytest.importorskip("torch")
    modeling = pytest.importorskip("transformers.models.mpnet.modeling_mpnet")
    distances = np.arange(-600, 601)
    expected = modeling.MPNetEncoder.relative_position_bucket(torch.tensor(distances), num_buckets=32)
    assert text_encoder.relative_buckets(distances, 32).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model_type": "t5"}, r"a model of the family 't5'; encoders of bert, roberta"),
        ({"hidden_act": "relu"}, "its activation is 'relu'"),
        ({"num_hidden_layers": 5}, r"no tensor encoder\.layer\.2\.attention\.self\.query\.weight"),
        ({"num_attention_heads": None}, r"config\.json: not the configuration of a text model"),
    ],
)
def test_other_models_are_rejected(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    folder = tiny_weights.text_encoder(tmp_path, WORDS)
    content = json.loads((folder / "config.json").read_text())
    assert content["num_attention_heads"] == HEADS
    (folder / "config.json").write_text(json.dumps({**content, **change}))
    with pytest.raises(InputError, match=why):
        text_encoder.convert(folder)


def test_damaged_weights_are_rejected(tmp_path: Path) -> None:
    folder = tiny_weights.text_encoder(tmp_path, WORDS)
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"model\.safetensors: cannot be read"):
        text_encoder.convert(folder)
