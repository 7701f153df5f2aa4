"""Whisper's encoder in transformers, used as in its documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.side import Prepared

_RATE_HZ, _HEAD_WIDTH = 16_000, 64


def transformers_encoder(sounds: str, folder: str) -> Prepared:
    """Prepare `WhisperFeatureExtractor`, which pads to 30 s, and `WhisperEncoder`, one clip at a time, mean pooled.

    The summary is not what is timed: the means of the states of a clip's own frames, without padding or offset, before
    the last normalisation, which is what undertone computes.

    Args:
        sounds: .npz file of int16 samples at 16 kHz
        folder: with `encoder.safetensors`, named as in transformers
    """
    import torch
    from safetensors.torch import load_file
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    tensors = load_file(Path(folder) / "encoder.safetensors")
    width, n_mels, _ = tensors["conv1.weight"].shape
    config = WhisperConfig(
        d_model=width,
        num_mel_bins=n_mels,
        encoder_layers=len({name.split(".")[1] for name in tensors if name.startswith("layers.")}),
        encoder_attention_heads=width // _HEAD_WIDTH,
        encoder_ffn_dim=tensors["layers.0.fc1.weight"].shape[0],
    )
    model = _untyped(WhisperEncoder)(config)
    model.eval()
    model.load_state_dict(tensors)
    features_of = _untyped(WhisperFeatureExtractor)(feature_size=n_mels)
    with np.load(sounds) as arrays:
        clips = [samples.astype(np.float32) / 32_768 for samples in arrays.values()]

    def embed(chosen: list[Any]) -> list[Any]:
        vectors = []
        with torch.inference_mode():
            for clip in chosen:
                features = features_of(clip - clip.mean(), sampling_rate=_RATE_HZ, return_tensors="pt").input_features
                vectors.append(model(features).last_hidden_state.mean(dim=1))
        return vectors

    def own_frames(_: Any) -> list[list[float]]:
        with torch.inference_mode():
            return [_without_padding(model, features_of, clip).tolist() for clip in clips]

    return Prepared(timed=lambda: embed(clips), warm_up=lambda: embed(clips[:1]), summary=own_frames)


def _without_padding(model: Any, features_of: Any, clip: Any) -> Any:
    from torch.nn.functional import gelu

    features = features_of(
        clip - clip.mean(), sampling_rate=_RATE_HZ, padding="do_not_pad", return_tensors="pt"
    ).input_features
    # undertone takes an even number of frames
    features = features[..., : features.shape[-1] // 2 * 2]
    states = gelu(model.conv2(gelu(model.conv1(features)))).permute(0, 2, 1)
    states = states + model.embed_positions.weight[: states.shape[1]]
    for layer in model.layers:
        output = layer(states, None)
        states = output[0] if isinstance(output, tuple) else output
    return states.mean(dim=1)[0]


def _untyped(constructor: Any) -> Any:
    return constructor
