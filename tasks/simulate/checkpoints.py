"""Checkpoints of encoders that have learned nothing, in the layout of the real ones: small, and made in a second.

For tests and for simulated runs without a network: they load, give features of the right kind, and know nothing.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tasks.features import checkpoints

HIDDEN = 32
"""Features a token, or an utterance, gets."""
AUDIO_FRAMES = 128
"""Frames that the audio encoder looks at: 1.28 s; the real one looks at 10.24 s."""

_SIZE = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_LONGEST = 256
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation


def tiny_text_encoder(folder: Path, seed: int = 7, texts: Iterable[str] = ()) -> Path:
    """Save a BERT with random weights and its tokenizer; the same bytes for the same arguments.

    Args:
        folder: where it goes; made if need be
        seed: of the weights
        texts: what its vocabulary is taken from; other words are spelt out, letter by letter

    Returns:
        the folder
    """
    library = checkpoints.transformers()
    tokenizer = library.BertTokenizerFast(vocab=_vocabulary(texts), model_max_length=_LONGEST)
    config = library.BertConfig(vocab_size=len(tokenizer), max_position_embeddings=_LONGEST, **_SIZE)
    return _saved(folder, tokenizer, _seeded(library.BertModel, config, seed))


def tiny_audio_encoder(folder: Path, seed: int = 7) -> Path:
    """Save an Audio Spectrogram Transformer with random weights and its feature extractor; the same bytes for a seed.

    Args:
        folder: where it goes; made if need be
        seed: of the weights

    Returns:
        the folder
    """
    library = checkpoints.transformers()
    with checkpoints.without_empty_bands():
        extractor = library.ASTFeatureExtractor(max_length=AUDIO_FRAMES)
    config = library.ASTConfig(max_length=AUDIO_FRAMES, **_SIZE)
    return _saved(folder, extractor, _seeded(library.ASTModel, config, seed))


def _vocabulary(texts: Iterable[str]) -> dict[str, int]:
    words = sorted({word for text in texts for word in re.findall(r"[a-z]{2,}", text.lower())})
    pieces = [*_SPECIAL, *_CHARACTERS, *(f"##{character}" for character in _CHARACTERS), *words]
    return {piece: number for number, piece in enumerate(pieces)}


def _seeded(kind: Any, config: Any, seed: int) -> Any:
    import torch

    # whoever calls keeps a random state of their own
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return kind(config).eval()


def _saved(folder: Path, *parts: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with checkpoints.quiet():
        for part in parts:
            part.save_pretrained(folder)
    return folder
