"""Whisper's encoder: its spectrum and states equal those of transformers, on a model with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import AudioError, InputError
from tasks.features.base import checkpoints, whisper_files
from tasks.features.base.extractor import Sound
from tasks.features.sound import speech_encoder
from tasks.features.sound.whisper_encoder import WhisperEncoder
from tasks.weights import store

KINDS = {extractor.name: extractor for extractor in speech_encoder.EXTRACTORS}


@pytest.fixture
def tiny(project: Path) -> WhisperEncoder:
    file = whisper_files.onnx_file("tiny:whisper")
    assert file is not None
    return WhisperEncoder(file)


def transformers() -> Any:
    pytest.importorskip("torch", reason="transformers' own model is compared")
    return checkpoints.transformers()


def test_the_spectrum_is_whispers(tiny: WhisperEncoder, sound: Callable[..., Sound]) -> None:
    clip = sound(1.3)
    samples = clip.samples - clip.samples.mean()
    padding = transformers().WhisperFeatureExtractor(feature_size=80)
    expected = padding(samples, sampling_rate=16_000, padding="do_not_pad", return_tensors="np")["input_features"][0]
    (piece,) = tiny.pieces(clip, 30.0)
    assert piece.dtype == np.float32 and piece.shape == (80, 130) == expected.shape
    np.testing.assert_allclose(piece, expected, atol=2e-5)


@pytest.mark.parametrize("n_samples", [1600, 16_000, 16_159, 16_319, 16_320])
def test_frames_by_length(tiny: WhisperEncoder, n_samples: int, sound: Callable[..., Sound]) -> None:
    clip = Sound(sound(2.0).samples[:n_samples], 16_000)
    (piece,) = tiny.pieces(clip, 30.0)
    (states,) = tiny.states([piece], [0, 1, 2])
    assert states.shape == (3, n_samples // 320, 32)
    assert piece.shape[1] == 2 * states.shape[1]


def test_a_saved_model_gives_the_states_of_transformers(
    project: Path, tmp_path: Path, sound: Callable[..., Sound]
) -> None:
    library = transformers()
    import torch

    config = library.WhisperConfig(
        d_model=32, encoder_layers=3, encoder_attention_heads=4, encoder_ffn_dim=64, decoder_layers=1,
        decoder_attention_heads=2, decoder_ffn_dim=32, vocab_size=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1, max_target_positions=16,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]), checkpoints.quiet():
        torch.manual_seed(5)
        model = library.WhisperModel(config).eval()
        model.save_pretrained(tmp_path / "saved")
    name = str(tmp_path / "saved")
    (piece,) = speech_encoder.started(name, 8).pieces(sound(30.0), 30.0)
    with torch.inference_mode():
        reference = model.encoder(torch.from_numpy(piece[None]), output_hidden_states=True).hidden_states
    (states,) = speech_encoder.started(name, 8).states([piece], [0, 1, 2])
    for mine, theirs in zip(states, reference[:3], strict=True):
        np.testing.assert_allclose(mine, theirs[0].numpy(), atol=1e-4)
    assert checkpoints.fingerprint(name) == checkpoints.fingerprint(name) != checkpoints.fingerprint("tiny:whisper")
    assert checkpoints.kind_of(name) == "speech"
    checkpoints.demand(name, "speech")


def test_all_kinds_of_features_have_it(tiny: WhisperEncoder, sound: Callable[..., Sound]) -> None:
    clips = [sound(0.7), sound(1.1, pitch_hz=180)]
    for name, extractor in KINDS.items():
        extract = extractor.start(extractor.settings(checkpoint="tiny:whisper"))
        first, second = extract(clips), extract(clips[1:])
        np.testing.assert_array_equal(first[1], second[0])
        assert first[1].shape[-1] == {"speech-encoder": 2 * 2 * 32}.get(name, 32)


def test_sound_of_over_30_s_is_cut(tiny: WhisperEncoder, sound: Callable[..., Sound]) -> None:
    pieces = tiny.pieces(sound(61.0), 120.0)
    assert [piece.shape[1] for piece in pieces] == [2032, 2032, 2032]
    assert len(tiny.pieces(sound(3.0), 1.0)) == 3


def test_sound_that_cannot_be_used(tiny: WhisperEncoder) -> None:
    with pytest.raises(AudioError, match="digital silence"):
        tiny.pieces(Sound(np.zeros(16_000, dtype=np.float32), 16_000), 30.0)


def test_a_name_that_is_not_in_the_cache_says_how_to_fetch_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "empty"))
    for ask in (speech_encoder.load, checkpoints.folder_of, checkpoints.fingerprint):
        with pytest.raises(InputError, match="undertone weights fetch whisper-base"):
            ask("whisper-base")
    with pytest.raises(InputError, match="undertone weights fetch whisper-base"):
        checkpoints.demand("whisper-base", "speech")


def test_damaged_weights_are_reported(project: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "whisper", "encoder_attention_heads": 2}')
    with pytest.raises(InputError, match=r"lacks model\.safetensors"):
        whisper_files.onnx_file(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"model\.safetensors cannot be read"):
        whisper_files.onnx_file(str(tmp_path))


@pytest.mark.skipif(
    not store.is_here("whisper-base"),
    reason=store.missing("whisper-base"),
)
def test_the_published_weights_give_512_numbers_a_layer(project: Path, sound: Callable[..., Sound]) -> None:
    extractor = KINDS["speech-encoder"]
    (vector,) = extractor.start(extractor.settings())([sound(1.0)])
    assert vector.shape == (6 * 2 * 512,) and np.isfinite(vector).all()
