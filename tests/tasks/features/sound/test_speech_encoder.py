"""Speech encoders: states equal transformers', independent of the batch; long sounds are processed in pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from tasks.core.errors import AudioError, ConfigError, InputError
from tasks.features.base import checkpoints
from tasks.features.base.extractor import Sound
from tasks.features.base.settings import settings_of
from tasks.features.base.tiny_checkpoints import HIDDEN, tiny_roberta_encoder, tiny_speech_encoder
from tasks.features.sound import speech_encoder

KINDS = {extractor.name: extractor for extractor in speech_encoder.EXTRACTORS}
DURATIONS_S = (0.31, 1.0, 0.77, 1.503)


@pytest.fixture(scope="module", params=["group", "layer"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_speech_encoder(tmp_path_factory.mktemp(request.param), norm=request.param))


def started(name: str, checkpoint: str, **settings: Any) -> Callable[[Sequence[Sound]], list[np.ndarray]]:
    return KINDS[name].start(KINDS[name].settings(checkpoint=checkpoint, **settings))


def sounds(make: Callable[..., Sound]) -> list[Sound]:
    return [make(duration_s, pitch_hz=110 + 40 * k) for k, duration_s in enumerate(DURATIONS_S)]


def plain(checkpoint: str, sound: Sound) -> Any:
    """What the model gives as transformers' own documentation calls it."""
    import torch

    preprocessor, model = checkpoints.audio_encoder(checkpoint)
    given = preprocessor(sound.samples, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        return model(given["input_values"], output_hidden_states=True)


def saved(kind: str, folder: Path, **config: Any) -> str:
    """Save an encoder of another family, or with another shape."""
    import torch

    library = checkpoints.transformers()
    small = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "conv_dim": (32, 32, 32),
        "conv_kernel": (20, 8, 4),
        "conv_stride": (10, 8, 4),
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
    }
    with torch.random.fork_rng(devices=[]), checkpoints.quiet():
        torch.manual_seed(3)
        getattr(library, f"{kind}Model")(getattr(library, f"{kind}Config")(**small | config)).save_pretrained(folder)
        masks = config.get("feat_extract_norm") == "layer" or kind == "Data2VecAudio"
        library.Wav2Vec2FeatureExtractor(return_attention_mask=masks).save_pretrained(folder)
    return str(folder)


def test_states_equal_the_models(encoder: str, sound: Callable[..., Sound]) -> None:
    given = sounds(sound)
    all_states = started("speech-states", encoder)(given)
    assert [len(states) for states in all_states] == [15, 49, 38, 75]
    for clip, states in zip(given, all_states, strict=True):
        assert states.dtype == np.float32 and states.shape[1] == HIDDEN
        np.testing.assert_allclose(states, plain(encoder, clip).last_hidden_state[0].numpy(), atol=1e-4)


def test_results_do_not_depend_on_the_batch(encoder: str, sound: Callable[..., Sound]) -> None:
    given = sounds(sound)
    for name in KINDS:
        extract = started(name, encoder)
        together = extract(given)
        for clip, value in zip(given, together, strict=True):
            np.testing.assert_allclose(extract([clip])[0], value, atol=2e-5)
        for first, again in zip(together, extract(given), strict=True):
            np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("Hubert", {}),
        ("WavLM", {"feat_extract_norm": "layer", "do_stable_layer_norm": True}),
        ("Data2VecAudio", {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5}),
        ("SEW", {}),
        ("Wav2Vec2", {"add_adapter": True}),
    ],
)
def test_other_families(kind: str, config: dict[str, Any], tmp_path: Path, sound: Callable[..., Sound]) -> None:
    extract = started("speech-states", saved(kind, tmp_path, **config))
    given = sounds(sound)[:3]
    together = extract(given)
    assert all(abs(len(states) - n) <= 1 for states, n in zip(together, (15, 49, 38), strict=True))
    for clip, value in zip(given, together, strict=True):
        np.testing.assert_allclose(extract([clip])[0], value, atol=2e-5)


@pytest.mark.parametrize("pooling", ["mean", "max", "sum"])
def test_vectors_are_pooled_states(encoder: str, pooling: str, sound: Callable[..., Sound]) -> None:
    given = sounds(sound)
    # at 1 s, the longest is in two pieces, whose frames are pooled all together
    for longest in (30.0, 1.0):
        states = started("speech-states", encoder, max_duration_s=longest)(given)
        vectors = started("speech-embedding", encoder, max_duration_s=longest, pooling=pooling)(given)
        for vector, frames in zip(vectors, states, strict=True):
            assert vector.dtype == np.float32
            np.testing.assert_allclose(vector, getattr(frames, pooling)(axis=0), rtol=1e-4, atol=1e-4)


def test_layers_are_counted_from_either_end(encoder: str, sound: Callable[..., Sound]) -> None:
    given = sound(0.5)
    reference = plain(encoder, given)
    of = {layer: started("speech-states", encoder, layer=layer)([given])[0] for layer in (-3, -2, -1, 0, 1, 2)}
    for layer in (0, 1):
        np.testing.assert_allclose(of[layer], reference.hidden_states[layer][0].numpy(), atol=1e-4)
    for layer in (-3, -2, -1):
        np.testing.assert_array_equal(of[layer], of[layer + 3])
    assert not np.allclose(of[0], of[1], atol=1e-2)
    for layer in (3, -4):
        with pytest.raises(ConfigError, match=f"layer is {layer}.* 0 to 2, or -3 to -1"):
            started("speech-states", encoder, layer=layer)


def test_long_sound_comes_in_pieces_that_fit(
    encoder: str, sound: Callable[..., Sound], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    seen: list[tuple[int, ...]] = []
    states_of = speech_encoder.RawSoundEncoder.states

    def watched(self: Any, pieces: Sequence[np.ndarray], layers: Sequence[int]) -> list[np.ndarray]:
        seen.append(tuple(piece.size for piece in pieces))
        return states_of(self, pieces, layers)

    monkeypatch.setattr(speech_encoder.RawSoundEncoder, "states", watched)
    long, short = sound(10.03), sound(0.4)
    states = started("speech-states", encoder, max_duration_s=2.0, batch_size=4)([long, short])
    sizes = [size for some in seen for size in some]
    assert len(sizes) == 7 and sum(sizes) == long.samples.size + short.samples.size
    # no scrap is left over at the end
    assert max(sizes) <= 32_000 and min(sizes[:6]) >= 26_000
    assert max(map(len, seen)) <= 4
    assert len(states[1]) == 19
    # each piece is as it would be alone, but for the level, which is that of the whole
    preprocessor, model = checkpoints.audio_encoder(encoder)
    signal = preprocessor(long.samples, sampling_rate=16_000, return_tensors="pt")["input_values"]
    with torch.inference_mode():
        expected = torch.cat([model(piece).last_hidden_state[0] for piece in signal.split(sizes[:6], dim=1)])
    np.testing.assert_allclose(states[0], expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("samples", [np.zeros(0), np.ones(300), np.zeros(16_000), np.full(16_000, np.nan)])
def test_sound_that_cannot_be_used(encoder: str, name: str, samples: np.ndarray, sound: Callable[..., Sound]) -> None:
    extract = started(name, encoder)
    with pytest.raises(AudioError, match=r"at least|silence|finite"):
        extract([sound(), replace(sound(), samples=samples.astype(np.float32))])


def test_sound_too_short_for_the_convolutions_is_rejected(tmp_path: Path, sound: Callable[..., Sound]) -> None:
    wide = saved("Wav2Vec2", tmp_path, conv_kernel=(20, 20, 20), conv_stride=(20, 20, 20))
    extract = started("speech-states", wide)
    with pytest.raises(AudioError, match=r"0\.499 s of sound.*at least 0\.500 s"):
        extract([sound(0.4994)])
    assert extract([sound(0.5)])[0].shape == (1, HIDDEN)


def test_published_shapes() -> None:
    config = checkpoints.transformers().Wav2Vec2Config()
    # 25 ms, as Baevski et al. have it, section 4.2
    assert speech_encoder.fewest_samples(config) == 400


def test_other_rates_are_resampled(encoder: str, sound: Callable[..., Sound]) -> None:
    extract = started("speech-states", encoder)
    low, usual = (extract([sound(1.0, rate_hz=rate)])[0] for rate in (48_000, 16_000))
    assert low.shape == usual.shape


def test_weights_under_the_names_of_older_files(tmp_path: Path, sound: Callable[..., Sound]) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_speech_encoder(tmp_path)
    (before,) = started("speech-embedding", str(folder))([sound()])
    weights = load_file(folder / "model.safetensors")
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new, name in old.items():
        place = f"encoder.pos_conv_embed.conv.{new}"
        weights[place.replace(new, name)] = weights.pop(place)
    # as a model with a head has it
    save_file(
        {f"wav2vec2.{name}": tensor for name, tensor in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    np.testing.assert_array_equal(started("speech-embedding", str(folder))([sound()])[0], before)


def test_checkpoints_of_another_kind(tmp_path: Path, tiny_ast: str, tiny_bert: str, encoder: str) -> None:
    with pytest.raises(InputError, match=r"audio-spectrogram-transformer model, which does not read raw sound"):
        started("speech-states", tiny_ast)
    with pytest.raises(InputError, match="lacks a feature extractor"):
        started("speech-states", tiny_bert)
    folder = saved("Wav2Vec2", tmp_path)
    with checkpoints.quiet():
        checkpoints.transformers().Wav2Vec2FeatureExtractor(sampling_rate=8_000).save_pretrained(folder)
    with pytest.raises(InputError, match="8000 Hz; it must be 16000 Hz"):
        started("speech-states", folder)


def test_an_unknown_name_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    # what HF_HUB_OFFLINE=1 sets where it stands before the library is imported
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    message = "no folder of this name, not in the Hugging Face cache.*give the path of its folder"
    with pytest.raises(InputError, match=f"nobody/has-this: {message}"):
        started("speech-embedding", "nobody/has-this")


@pytest.mark.parametrize(
    "wrong", [{"max_duration_s": 0.5}, {"batch_size": 0}, {"pooling": "median"}, {"max_duration_s": float("nan")}]
)
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        settings_of(KINDS["speech-embedding"].settings, wrong, "features.demo")


def test_tiny_encoders_are_reproducible(tmp_path: Path) -> None:
    def content(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    first, again = (content(tiny_speech_encoder(tmp_path / name, seed=1)) for name in "ab")
    other = content(tiny_speech_encoder(tmp_path / "c", seed=2))
    assert first == again != other
    texts = ["we were on a break", "how you doin"]
    forwards, backwards = (
        content(tiny_roberta_encoder(tmp_path / name, 1, given)) for name, given in (("d", texts), ("e", texts[::-1]))
    )
    assert forwards == backwards


def test_a_tiny_roberta_has_a_vocabulary(tmp_path: Path) -> None:
    tokenizer, model = checkpoints.text_encoder(str(tiny_roberta_encoder(tmp_path, texts=["we were on a break"])))
    assert len(tokenizer) == model.config.vocab_size > 261
    assert tokenizer.tokenize("we were on a break") == ["we", "Ġwere", "Ġon", "Ġa", "Ġbreak"]
    ids = [tuple(tokenizer(word)["input_ids"]) for word in ("we", "were", "break", "joy", "é", "")]
    assert len(set(ids)) == 6
    assert all(tokens[0] == tokenizer.cls_token_id and tokens[-1] == tokenizer.sep_token_id for tokens in ids)
    assert tokenizer.unk_token_id not in {token for tokens in ids for token in tokens}
    assert (model.config.pad_token_id, tokenizer.pad_token_id) == (1, 1)


def test_statistics_are_those_of_the_states(encoder: str, sound: Callable[..., Sound]) -> None:
    given = sounds(sound)
    by_layer = [started("speech-states", encoder, layer=layer)(given) for layer in (1, 2)]
    all_statistics = started("speech-encoder", encoder)(given)
    for number, vector in enumerate(all_statistics):
        expected = [part(states[number], axis=0) for states in by_layer for part in (np.mean, np.std)]
        np.testing.assert_allclose(vector, np.concatenate(expected), atol=1e-5)
    (second, *_) = started("speech-encoder", encoder, layers=[-1], statistics="mean")(given)
    np.testing.assert_allclose(second, by_layer[1][0].mean(axis=0), atol=1e-5)


def test_statistics_of_long_sound_are_over_all_its_pieces(encoder: str, sound: Callable[..., Sound]) -> None:
    long = sound(5.0)
    (states,) = started("speech-states", encoder, max_duration_s=2.0)([long])
    (vector,) = started("speech-encoder", encoder, layers=[2], max_duration_s=2.0)([long])
    np.testing.assert_allclose(vector, np.concatenate([states.mean(axis=0), states.std(axis=0)]), atol=1e-5)


def test_speeds_are_averaged(encoder: str, sound: Callable[..., Sound]) -> None:
    clip = sound(1.0)
    plain = started("speech-encoder", encoder)
    (both,) = started("speech-encoder", encoder, speeds=[1.0, 0.8])([clip])
    slow = replace(clip, rate_hz=12_800)
    expected = np.mean([plain([clip])[0], plain([slow])[0]], axis=0)
    np.testing.assert_allclose(both, expected, atol=1e-5)
    assert not np.allclose(both, plain([clip])[0], atol=1e-3)
    with pytest.raises(ConfigError, match=r"speeds is \[0.1\]; expected numbers from 0.5 to 2.0"):
        settings_of(KINDS["speech-encoder"].settings, {"speeds": [0.1]}, "features.x")


def test_layers_are_checked(encoder: str) -> None:
    with pytest.raises(ConfigError, match=r"one of layers is 3; checkpoint .* has layers 0 to 2"):
        started("speech-encoder", encoder, layers=[1, 3])
    with pytest.raises(ConfigError, match=r"layers is \[1, 1\]; expected each of them once"):
        settings_of(KINDS["speech-encoder"].settings, {"layers": [1, 1]}, "features.x")
