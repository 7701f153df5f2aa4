"""Text encoders of the families BERT, RoBERTa and MPNet, from safetensors to ONNX, in float32 and in int8.

Devlin et al. (2019), "BERT", NAACL; Liu et al. (2019), "RoBERTa", arXiv:1907.11692; Song et al. (2020), "MPNet",
NeurIPS: embeddings of tokens and positions; transformer layers with normalisation after each block. MPNet adds a bias
for the distance of two tokens to the scores of attention, the same in every layer.

In int8, the weights of linear layers have one scale for each output, those of the embeddings one for each token. The
inputs of linear layers are rounded with one scale for each token (Yao et al., 2022, "ZeroQuant", NeurIPS), not one for
the whole batch as in onnxruntime's dynamic quantisation: a text's vector must not depend on the texts beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.weights.conversion import text_checkpoint
from tasks.weights.conversion.graph import OnnxGraph
from tasks.weights.conversion.text_checkpoint import FAMILIES, Tensors, TextModel

Precision = Literal["float32", "int8"]
GRAPHS: Mapping[Precision, str] = {"float32": "encoder-float32.onnx", "int8": "encoder-int8.onnx"}
"""Names of the converted files."""
_MASKED = -1e9
"""Added to the scores of padding."""
_LARGEST = 127.0
"""Largest magnitude in 8 bits."""
_SMALLEST = 1e-12
"""Least size of a scale: rows of zeros have one, too."""
_LARGEST_WEIGHT = 63.0
"""7 bits: without VNNI, x86 processors add two products in 16 bits, which 8 bits would overflow."""


def convert(folder: Path) -> None:
    """Write `encoder-float32.onnx` and `encoder-int8.onnx` beside `model.safetensors` and `config.json`.

    Args:
        folder: of a checkpoint

    Raises:
        InputError: as `text_checkpoint.read`
    """
    tensors, model = text_checkpoint.read(folder)
    for precision, name in GRAPHS.items():
        (folder / name).write_bytes(onnx_of(tensors, model, precision))


def onnx_of(tensors: Tensors, model: TextModel, precision: Precision) -> bytes:
    """Return the encoder as ONNX.

    Input `ids`: token numbers, int64, shape (n_texts, n_tokens), with special tokens, padded at the end. Outputs:
    `layer_0`, the input of the first transformer layer, and `layer_1` …, the output of each, shape
    (n_texts, n_tokens, width); `mean_0` …, their means over tokens without the padding, shape (n_texts, width). The
    properties `layers`, `padding`, `precision`, `positions` (most tokens) and `width` describe the model.

    Args:
        tensors: as `text_checkpoint.read` returns them
        model: as `text_checkpoint.read` returns it
        precision: of the linear layers and the embeddings
    """
    return _Conversion(tensors, model, precision).serialized()


class _Conversion:
    def __init__(self, tensors: Tensors, model: TextModel, precision: Precision) -> None:
        self._tensors, self._model, self._precision = tensors, model, precision
        self._graph = OnnxGraph("text_encoder")
        positions, self._width = tensors["embeddings.position_embeddings.weight"].shape
        self._n_positions = positions - model.first_position

    def serialized(self) -> bytes:
        self._add_masks()
        self._add_embeddings()
        distances = self._add_distances() if self._model.buckets else None
        for layer in range(self._model.n_layers):
            self._add_layer(layer, distances)
        states = {f"layer_{number}": ["n_texts", "n_tokens", self._width] for number in range(self._model.n_layers + 1)}
        means = {self._add_mean(number): ["n_texts", self._width] for number in range(self._model.n_layers + 1)}
        properties = {
            "layers": self._model.n_layers,
            "padding": self._model.padding,
            "positions": self._n_positions,
            "precision": self._precision,
            "width": self._width,
        }
        return self._graph.serialized(
            {"ids": ["n_texts", "n_tokens"]},
            {**states, **means},
            {key: str(value) for key, value in properties.items()},
            integers=("ids",),
        )

    def _add_masks(self) -> None:
        """Add `real` (1 for a token, 0 for padding), its column, the number of tokens, and the scores' mask."""
        graph = self._graph
        padded = graph.add("Equal", ["ids", graph.weight("padding", self._model.padding, np.int64)], "padded")
        graph.add("Cast", [graph.add("Not", [padded], "is_real")], "real", to=1)
        graph.add("Unsqueeze", ["real", graph.weight("last", [-1], np.int64)], "real_column")
        graph.add("ReduceSum", ["real", graph.weight("second", [1], np.int64)], "n_real", keepdims=1)
        lacking = graph.add("Cast", [padded], "padded_float", to=1)
        low = graph.add("Mul", [lacking, graph.weight("masked", _MASKED)], "low")
        graph.add("Unsqueeze", [low, graph.weight("heads_and_queries", [1, 2], np.int64)], "score_mask")
        graph.add("Shape", ["ids"], "n_tokens", start=1, end=2)

    def _add_embeddings(self) -> None:
        graph, tensors = self._graph, self._tensors
        words = self._add_lookup("embeddings.word_embeddings.weight")
        table = tensors["embeddings.position_embeddings.weight"][self._model.first_position :]
        if (kinds := tensors.get("embeddings.token_type_embeddings.weight")) is not None:
            # a single text has tokens of the first type only
            table = table + kinds[0]
        first = graph.weight("first", [0], np.int64)
        used = graph.add("Slice", [graph.weight("positions", table), first, "n_tokens", first], "used_positions")
        summed = graph.add("Add", [words, used], "embeddings.sum")
        self._add_norm("embeddings.LayerNorm", summed, "layer_0")

    def _add_lookup(self, name: str) -> str:
        graph, values = self._graph, self._tensors[name]
        if self._precision == "float32":
            return graph.add("Gather", [graph.weight(name, values), "ids"], "words")
        scales = np.maximum(np.abs(values).max(axis=1, keepdims=True), _SMALLEST) / _LARGEST
        rows = graph.add("Gather", [graph.weight(name, np.rint(values / scales), np.int8), "ids"], "words_int8")
        factors = graph.add("Gather", [graph.weight(f"{name}.scales", scales), "ids"], "words_scales")
        return graph.add("Mul", [graph.add("Cast", [rows], "words_float", to=1), factors], "words")

    def _add_distances(self) -> str:
        """Add MPNet's bias for every pair of tokens, shape (1, n_heads, n_tokens, n_tokens)."""
        graph, reach = self._graph, self._n_positions - 1
        # distances run from -reach to reach; the graph looks them up by their distance from the first
        buckets = relative_buckets(np.arange(-reach, reach + 1), self._model.buckets)
        table = graph.weight("distances", self._tensors["encoder.relative_attention_bias.weight"][buckets])
        zero, one = graph.weight("zero", 0, np.int64), graph.weight("one", 1, np.int64)
        size = graph.add("Squeeze", ["n_tokens"], "n_tokens_scalar")
        numbers = graph.add("Range", [zero, size, one], "token_numbers")
        columns = graph.add("Unsqueeze", [numbers, graph.weight("last", [-1], np.int64)], "token_column")
        apart = graph.add("Sub", [numbers, columns], "token_distances")
        rows = graph.add("Add", [apart, graph.weight("reach", reach, np.int64)], "distance_rows")
        biases = graph.add("Gather", [table, rows], "distance_biases")
        by_head = graph.add("Transpose", [biases], "distance_by_head", perm=[2, 0, 1])
        return graph.add("Unsqueeze", [by_head, graph.weight("first", [0], np.int64)], "distance_scores")

    def _add_layer(self, layer: int, distances: str | None) -> None:
        graph, states, name = self._graph, f"layer_{layer}", f"encoder.layer.{layer}"
        part = {key: f"{name}.{value}" for key, value in FAMILIES[self._model.family].items()}
        attended = self._add_attention(name, part, states, distances)
        middle = graph.add("Add", [attended, states], f"{name}.attention_sum")
        normal = self._add_norm(part["attention_norm"], middle, f"{name}.middle")
        wide = self._linear(part["wide"])(self._quantised(normal, f"{name}.middle"))
        narrow = self._linear(part["narrow"])(self._quantised(graph.gelu(wide, name), f"{name}.gelu"))
        self._add_norm(part["norm"], graph.add("Add", [narrow, normal], f"{name}.sum"), f"layer_{layer + 1}")

    def _add_attention(self, name: str, part: Mapping[str, str], states: str, distances: str | None) -> str:
        graph, n_heads = self._graph, self._model.n_heads
        heads = graph.weight("split_heads", [0, 0, n_heads, self._width // n_heads], np.int64)
        # the scale of the scores goes into the queries: fewer multiplications
        scale = (self._width // n_heads) ** -0.5
        source, by_head = self._quantised(states, f"{name}.input"), {}
        for key, axes in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
            projected = self._linear(part[key], scale if key == "query" else 1.0)(source)
            split = graph.add("Reshape", [projected, heads], f"{name}.{key}_split")
            by_head[key] = graph.add("Transpose", [split], f"{name}.{key}_heads", perm=axes)
        scores = graph.add("MatMul", [by_head["query"], by_head["key"]], f"{name}.scores")
        if distances:
            scores = graph.add("Add", [scores, distances], f"{name}.placed_scores")
        masked = graph.add("Add", [scores, "score_mask"], f"{name}.masked_scores")
        weights = graph.add("Softmax", [masked], f"{name}.weights", axis=-1)
        mixed = graph.add("MatMul", [weights, by_head["value"]], f"{name}.mixed")
        joined = graph.add("Transpose", [mixed], f"{name}.joined", perm=[0, 2, 1, 3])
        flat = graph.add("Reshape", [joined, graph.weight("join_heads", [0, 0, self._width], np.int64)], f"{name}.flat")
        return self._linear(part["joined"])(self._quantised(flat, f"{name}.mixed"))

    def _quantised(self, states: str, name: str) -> tuple[str, str]:
        """Add the rounding of a linear layer's input: names of the rounded states and of their scales ("" for none)."""
        if self._precision == "float32":
            return states, ""
        graph = self._graph
        sizes = graph.add("Abs", [states], f"{name}.sizes")
        largest = graph.add("ReduceMax", [sizes], f"{name}.largest", axes=[-1], keepdims=1)
        safe = graph.add("Max", [largest, graph.weight("smallest", _SMALLEST)], f"{name}.safe")
        scales = graph.add("Mul", [safe, graph.weight("step", 1 / _LARGEST)], f"{name}.scales")
        ratios = graph.add("Div", [states, scales], f"{name}.ratios")
        rounded = graph.add("Round", [ratios], f"{name}.rounded")
        shifted = graph.add("Add", [rounded, graph.weight("shift", 128.0)], f"{name}.shifted")
        return graph.add("Cast", [shifted], f"{name}.uint8", to=2), scales

    def _linear(self, name: str, factor: float = 1.0) -> Callable[[tuple[str, str]], str]:
        weight, bias = (np.float32(factor) * self._tensors[f"{name}.{kind}"] for kind in ("weight", "bias"))

        def added(source: tuple[str, str]) -> str:
            states, scales = source
            if self._precision == "float32":
                return self._graph.linear(states, weight, bias, name)
            return self._add_int8(states, scales, weight, bias, name)

        return added

    def _add_int8(
        self, states: str, scales: str, weight: NDArray[np.float32], bias: NDArray[np.float32], name: str
    ) -> str:
        graph = self._graph
        steps = np.maximum(np.abs(weight).max(axis=1, keepdims=True), _SMALLEST) / _LARGEST_WEIGHT
        numbers = np.rint(weight / steps)
        inputs = [states, graph.weight(f"{name}.weight", numbers.T, np.int8), graph.weight("middle", 128, np.uint8)]
        products = graph.add("MatMulInteger", inputs, f"{name}.integers")
        floats = graph.add("Cast", [products], f"{name}.floats", to=1)
        scaled = graph.add("Mul", [floats, graph.weight(f"{name}.steps", steps[:, 0])], f"{name}.by_output")
        scaled = graph.add("Mul", [scaled, scales], f"{name}.by_token")
        return graph.add("Add", [scaled, graph.weight(f"{name}.bias", bias)], f"{name}.output")

    def _add_norm(self, name: str, states: str, output: str) -> str:
        graph = self._graph
        weights = [graph.weight(f"{name}.{kind}", self._tensors[f"{name}.{kind}"]) for kind in ("weight", "bias")]
        inputs = [states, *weights]
        return graph.add("LayerNormalization", inputs, output, axis=-1, epsilon=self._model.epsilon)

    def _add_mean(self, number: int) -> str:
        graph = self._graph
        kept = graph.add("Mul", [f"layer_{number}", "real_column"], f"kept_{number}")
        summed = graph.add("ReduceSum", [kept, graph.weight("second", [1], np.int64)], f"sum_{number}", keepdims=0)
        return graph.add("Div", [summed, "n_real"], f"mean_{number}")


def relative_buckets(distances: NDArray[np.int64], n_buckets: int, furthest: int = 128) -> NDArray[np.int64]:
    """Return the bucket of each distance between tokens, as in MPNet (and T5).

    Half of the buckets are for tokens before, half for tokens behind. Near tokens have a bucket for each distance,
    further ones share buckets that grow logarithmically.

    Args:
        distances: of the token looked at from the token that looks
        n_buckets: number of buckets
        furthest: distance from which all share the last bucket
    """
    half = n_buckets // 2
    exact = half // 2
    away = np.abs(distances)
    # in float32, as PyTorch computes it: borders between buckets must not move
    logs = np.log(np.maximum(away, 1).astype(np.float32) / np.float32(exact)) / np.float32(np.log(furthest / exact))
    far = np.minimum(exact + (logs * np.float32(half - exact)).astype(np.int64), half - 1)
    buckets: NDArray[np.int64] = np.where(distances > 0, half, 0) + np.where(away < exact, away, far)
    return buckets
