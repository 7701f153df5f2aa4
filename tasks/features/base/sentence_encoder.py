"""Text encoders run by onnxruntime, without PyTorch: means of token states, for any layers.

A vector depends on its text alone: padding is masked, and in int8 every token has its own scale. In another batch the
sums of float32 may differ in the last bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.features.base.sentence_files import SentenceFiles

Vectors = NDArray[np.float32]
_LONGEST = 256
"""Tokens of a text that are read. The sentence encoders were trained on 128."""
_TOKENS_AT_ONCE = 512
"""Tokens of a batch, padding included: their states stay in the processor's cache."""
_TEXTS_AT_ONCE = 4096
"""Texts that are sorted by length and encoded together: more would need more memory and save little padding."""


class SentenceEncoder:
    """A text encoder and its tokenizer.

    Args:
        files: of the encoder

    Raises:
        InputError: if a file is damaged

    Example:
        encoder = load(sentence_files.find("minilm", "int8"))
        vectors = encoder.means(["so happy for you"], [encoder.n_layers])  # shape (1, 1, 384)
    """

    def __init__(self, files: SentenceFiles) -> None:
        from onnxruntime import InferenceSession, SessionOptions
        from tokenizers import Tokenizer

        options = SessionOptions()
        # one thread: worker processes fill the cores, and sums do not depend on their number
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # batches have many shapes: planned memory would be kept for each
        options.enable_mem_pattern = False
        try:
            self._session = InferenceSession(str(files.graph), options, providers=["CPUExecutionProvider"])
            properties = self._session.get_modelmeta().custom_metadata_map
            self.n_layers, self.width = int(properties["layers"]), int(properties["width"])
            self._padding, positions = int(properties["padding"]), int(properties["positions"])
            self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        except Exception as error:
            # exceptions of onnxruntime and tokenizers share no base class
            reason = str(error).strip().partition("\n")[0]
            raise InputError(
                f"{files.graph.parent}: the text encoder cannot be loaded ({reason}); remove the folder and fetch or "
                "convert the encoder again"
            ) from None
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(min(_LONGEST, positions))

    def means(self, texts: Sequence[str], layers: Sequence[int]) -> Vectors:
        """Return the means of the tokens' states, shape (n_texts, n_layers, width).

        Args:
            texts: shape (n_texts,); equal texts are encoded once
            layers: 0: the input of the first transformer layer; n: the output of the n-th
        """
        distinct = list(dict.fromkeys(texts))
        row = {text: number for number, text in enumerate(distinct)}
        vectors = np.empty((len(distinct), len(layers), self.width), dtype=np.float32)
        names = [f"mean_{layer}" for layer in layers]
        for start in range(0, len(distinct), _TEXTS_AT_ONCE):
            part = distinct[start : start + _TEXTS_AT_ONCE]
            for rows, ids in self._batches(part):
                vectors[start + rows] = np.stack(self._session.run(names, {"ids": ids}), axis=1)
        return vectors[[row[text] for text in texts]] if len(distinct) < len(texts) else vectors

    def states(self, texts: Sequence[str], layer: int) -> list[Vectors]:
        """Return the states of every text's tokens, special tokens included, each of shape (n_tokens, width).

        Args:
            texts: shape (n_texts,)
            layer: as for `means`
        """
        states: list[Any] = [None] * len(texts)
        for rows, ids in self._batches(texts):
            (values,) = self._session.run([f"layer_{layer}"], {"ids": ids})
            for row, numbers, kept in zip(rows.tolist(), ids, values, strict=True):
                states[row] = kept[numbers != self._padding]
        return states

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield rows of texts of similar length, and their padded tokens, shape (n_rows, n_tokens)."""
        # one by one: a batch would be encoded by threads, which do not survive a fork
        numbers = [self._tokenizer.encode(text).ids for text in texts]
        # the text decides between equal lengths: the order of the rows must not change the batches
        order = sorted(range(len(texts)), key=lambda k: (len(numbers[k]), texts[k]))
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * len(numbers[order[stop]]) <= _TOKENS_AT_ONCE:
                stop += 1
            rows = order[start:stop]
            ids = np.full((len(rows), max(1, len(numbers[rows[-1]]))), self._padding, dtype=np.int64)
            for place, k in enumerate(rows):
                ids[place, : len(numbers[k])] = numbers[k]
            yield np.array(rows), ids
            start = stop


@lru_cache(maxsize=2)
def load(files: SentenceFiles) -> SentenceEncoder:
    """Load an encoder, once per process.

    Args:
        files: of the encoder
    """
    return SentenceEncoder(files)
