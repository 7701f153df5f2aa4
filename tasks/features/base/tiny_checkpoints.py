"""Small untrained checkpoints in the layout of the real encoders, for tests and for trying recipes offline."""

from __future__ import annotations

import hashlib
import json
import re
import string
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from tasks.core import code_version, paths
from tasks.core.errors import InputError
from tasks.features.base import checkpoints, torch_state

HIDDEN = 32
"""Size of a token's or utterance's feature vector."""
AUDIO_FRAMES = 128
"""Input length of the audio encoder in frames: 1.28 s; the real one takes 10.24 s."""

_SIZE = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_LONGEST = 256
_ROBERTA_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""Special tokens, in the order of their ids."""
_ROBERTA_PIECES = 1_000
"""Maximum size of its vocabulary: 5 special tokens, 256 bytes, and merged pieces."""
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation


def folder_of(name: str) -> Path:
    """Return the folder of an encoder with random weights; makes it if it is not in `.undertone/checkpoints` yet.

    Args:
        name: one of `checkpoints.TINY`

    Raises:
        InputError: for `tiny:network`, which stands for the initial weights of an image network and has no folder
    """
    encoders = {
        "tiny:text": tiny_text_encoder,
        "tiny:roberta": tiny_roberta_encoder,
        "tiny:ast": tiny_audio_encoder,
        "tiny:speech": tiny_speech_encoder,
        "tiny:image": tiny_image_encoder,
    }
    if name not in encoders:
        raise InputError(f"checkpoint {name} is for image networks; encoders are {', '.join(encoders)}")
    # other versions draw or save other weights
    versions = [code_version.version(__name__), checkpoints.transformers().__version__]
    digest = hashlib.sha256(" ".join(versions).encode()).hexdigest()[:8]
    target = paths.CHECKPOINTS.resolve() / f"{name.replace(':', '-')}-{digest}"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as part:
            made = encoders[name](Path(part, "made"))
            # other processes make the same folder at the same time
            with suppress(OSError):
                made.rename(target)
    return target


def tiny_text_encoder(folder: Path, seed: int = 7, texts: Iterable[str] = ()) -> Path:
    """Save a BERT with random weights and its tokenizer; the same bytes for the same arguments.

    Args:
        folder: the target, created if necessary and returned
        seed: of the weights
        texts: source of its vocabulary; other words are split into letters
    """
    library = checkpoints.transformers()
    tokenizer = library.BertTokenizerFast(vocab=_vocabulary(texts), model_max_length=_LONGEST)
    config = library.BertConfig(vocab_size=len(tokenizer), max_position_embeddings=_LONGEST, **_SIZE)
    return _saved(folder, tokenizer, _seeded(library.BertModel, config, seed))


def tiny_audio_encoder(folder: Path, seed: int = 7) -> Path:
    """Save an Audio Spectrogram Transformer with random weights and its feature extractor; the same bytes for a seed.

    Args:
        folder: the target, created if necessary and returned
        seed: of the weights
    """
    library = checkpoints.transformers()
    with checkpoints.without_empty_bands():
        extractor = library.ASTFeatureExtractor(max_length=AUDIO_FRAMES)
    config = library.ASTConfig(max_length=AUDIO_FRAMES, **_SIZE)
    return _saved(folder, extractor, _seeded(library.ASTModel, config, seed))


def tiny_roberta_encoder(folder: Path, seed: int = 7, texts: Iterable[str] = ()) -> Path:
    """Save a RoBERTa with random weights and its tokenizer; the same bytes for the same arguments.

    Args:
        folder: the target, created if necessary and returned
        seed: of the weights
        texts: source of the merged byte pairs (Sennrich et al. 2016); other words are split into bytes
    """
    library = checkpoints.transformers()
    vocabulary, merges = _merged(texts)
    tokenizer = library.RobertaTokenizerFast(vocab=vocabulary, merges=merges, model_max_length=_LONGEST)
    # positions start after the padding's, as in the real model
    config = library.RobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=_LONGEST + 2, type_vocab_size=1, **_SIZE
    )
    return _saved(folder, tokenizer, _seeded(library.RobertaModel, config, seed))


def tiny_speech_encoder(folder: Path, seed: int = 7, norm: Literal["group", "layer"] = "group") -> Path:
    """Save a wav2vec 2.0 with random weights and its feature extractor; the same bytes for the same arguments.

    It has three convolutions instead of seven, with a frame every 320 samples as in the real model; training masks
    nothing and skips no layer.

    Args:
        folder: the target, created if necessary and returned
        seed: of the weights
        norm: of the convolutions: `group` as in the base model, or `layer` as in the large ones, which use a mask of
            the padding
    """
    library = checkpoints.transformers()
    layers = norm == "layer"
    extractor = library.Wav2Vec2FeatureExtractor(return_attention_mask=layers)
    config = library.Wav2Vec2Config(
        conv_dim=(HIDDEN,) * 3,
        conv_kernel=(20, 8, 4),
        conv_stride=(10, 8, 4),
        conv_bias=layers,
        feat_extract_norm=norm,
        do_stable_layer_norm=layers,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        mask_time_prob=0.0,
        layerdrop=0.0,
        **_SIZE,
    )
    return _saved(folder, extractor, _seeded(library.Wav2Vec2Model, config, seed))


def tiny_image_encoder(folder: Path, seed: int = 7) -> Path:
    """Save a ResNet of bottlenecks with random weights; the same bytes for a seed.

    Args:
        folder: the target, created if necessary and returned
        seed: of the weights
    """
    library = checkpoints.transformers()
    config = library.ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="bottleneck")
    return _saved(folder, _seeded(library.ResNetModel, config, seed))


def _merged(texts: Iterable[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return the vocabulary (piece → id) and the merged pairs in order."""
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        sorted(set(texts)),
        vocab_size=_ROBERTA_PIECES,
        min_frequency=1,
        show_progress=False,
        special_tokens=list(_ROBERTA_SPECIAL),
    )
    model = json.loads(trained.to_str())["model"]
    return model["vocab"], [(left, right) for left, right in model["merges"]]


def _vocabulary(texts: Iterable[str]) -> dict[str, int]:
    words = sorted({word for text in texts for word in re.findall(r"[a-z]{2,}", text.lower())})
    pieces = [*_SPECIAL, *_CHARACTERS, *(f"##{character}" for character in _CHARACTERS), *words]
    return {piece: number for number, piece in enumerate(pieces)}


def _seeded(kind: Any, config: Any, seed: int) -> Any:
    import torch

    with torch_state.own_random_state():
        torch.manual_seed(seed)
        return kind(config).eval()


def _saved(folder: Path, *parts: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with checkpoints.quiet():
        for part in parts:
            part.save_pretrained(folder)
    return folder
