"""Protocols: units stay together, folds do not depend on the order of rows, errors list what is possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import ConfigError, NotEnoughData
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Columns, Split

KEEPING = ["speaker-out(3)", "leave-one-speaker-out", "session-out", "script-out(3)", "speaker-and-script-out(2)",
           "group-k-fold(3)", "fixed(s1, s3)"]  # fmt: skip


def corpus(n: int, seed: int, n_speakers: int = 6, n_scripts: int = 5) -> tuple[Columns, np.ndarray]:
    rng = np.random.default_rng(seed)
    speaker = rng.integers(0, n_speakers, n)
    speaker[:n_speakers] = np.arange(n_speakers)
    script = rng.integers(0, n_scripts, n)
    script[:n_scripts] = np.arange(n_scripts)
    columns = {
        "utterance_id": np.array([f"x/{i:05d}" for i in range(n)]),
        "speaker": np.array([f"x/s{i}" for i in speaker]),
        "group": np.array([f"x/session{i // 2}" for i in speaker]),
        "script": np.array([f"x/t{i}" for i in script]),
        "split": np.array(["train", "dev", "test"])[rng.integers(0, 3, n)],
        "corpus": np.full(n, "c"),
    }
    return columns, np.array(["anger", "neutral", "sadness"])[rng.integers(0, 3, n)]


def folds(text: str, columns: Columns, labels: np.ndarray, seed: int = 7) -> tuple[Split, ...]:
    return protocols.parse(text).folds(columns, labels, seed)


@pytest.mark.parametrize("text", KEEPING)
@given(n=st.integers(20, 120), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_no_unit_straddles(text: str, n: int, seed: int) -> None:
    columns, labels = corpus(n, seed)
    tested = np.zeros(n, dtype=int)
    for split in folds(text, columns, labels):
        assert split.train.size
        assert split.test.size
        tested[split.test] += 1
        assert not set(split.train) & set(split.test)
        for unit in protocols.parse(text).unit:
            assert not set(columns[unit][split.train]) & set(columns[unit][split.test])
    assert tested.max() == 1
    # a pair of parts without test rows or without training rows is no fold
    if not text.startswith(("fixed", "speaker-and")):
        assert tested.min() == 1


@pytest.mark.parametrize("text", [*KEEPING, "official", "random(4)"])
def test_the_order_of_the_rows_changes_nothing(text: str) -> None:
    columns, labels = corpus(90, 3)
    shuffled = np.random.default_rng(5).permutation(90)
    mixed = {name: values[shuffled] for name, values in columns.items()}

    def named(columns: Columns, splits: tuple[Split, ...]) -> list[tuple[str, list[str], list[str]]]:
        ids = columns["utterance_id"]
        return [(split.name, sorted(ids[split.train]), sorted(ids[split.test])) for split in splits]

    assert named(columns, folds(text, columns, labels)) == named(mixed, folds(text, mixed, labels[shuffled]))


def test_another_seed_gives_other_folds() -> None:
    columns, labels = corpus(200, 3, n_speakers=20)
    first, second = (folds("speaker-out(4)", columns, labels, seed) for seed in (1, 2))
    assert any((a.test.size != b.test.size) or (a.test != b.test).any() for a, b in zip(first, second, strict=True))


def test_folds_are_balanced_as_far_as_speakers_allow() -> None:
    rng = np.random.default_rng(1)
    columns, _ = corpus(1200, 3, n_speakers=24)
    # speakers with different class shares, so that the assignment to folds matters
    habits = rng.dirichlet([0.5] * 3, 24)
    labels = np.array([rng.choice(["a", "b", "c"], p=habits[int(s.removeprefix("x/s"))]) for s in columns["speaker"]])

    def spread(tests: list[np.ndarray]) -> float:
        shares = [[(labels[test] == label).mean() for label in "abc"] for test in tests]
        return float(np.std(shares, axis=0).mean())

    ours = spread([split.test for split in folds("speaker-out(6)", columns, labels)])
    speakers = np.unique(columns["speaker"])
    blind = []
    for _ in range(30):
        parts = np.array_split(rng.permutation(speakers), 6)
        blind.append(spread([np.flatnonzero(np.isin(columns["speaker"], part)) for part in parts]))
    assert ours < 0.5 * np.median(blind)


def test_equal_speakers_are_spread_equally() -> None:
    columns, _ = corpus(60, 3, n_speakers=18)
    columns = {**columns, "speaker": np.repeat([f"x/{i}" for i in range(18)], 10)[:180]}
    n = 180
    columns = {name: np.resize(values, n) for name, values in columns.items()}
    columns["utterance_id"] = np.array([f"x/{i}" for i in range(n)])
    labels = np.tile(["a", "b", "c", "d", "e"], 36)
    assert {split.test.size for split in folds("speaker-out(6)", columns, labels)} == {30}


def test_the_official_split_has_its_own_development_part() -> None:
    columns, labels = corpus(60, 3)
    (split,) = folds("official", columns, labels)
    for rows, name in ((split.train, "train"), (split.development, "dev"), (split.test, "test")):
        assert set(columns["split"][rows]) == {name}
    assert protocols.with_development(split, protocols.parse("official"), columns, labels, 7) is split


@pytest.mark.parametrize("text", ["speaker-out(3)", "session-out", "random(3)", "group-k-fold(3)"])
def test_development_comes_out_of_training_under_the_same_rule(text: str) -> None:
    columns, labels = corpus(300, 3, n_speakers=24)
    protocol = protocols.parse(text)
    for whole in folds(text, columns, labels):
        split = protocols.with_development(whole, protocol, columns, labels, 7)
        assert sorted([*split.train, *split.development]) == sorted(whole.train)
        assert 0.04 < split.development.size / whole.train.size < 0.3
        for unit in protocol.unit:
            assert not set(columns[unit][split.train]) & set(columns[unit][split.development])


def test_where_training_holds_one_speaker_scripts_are_kept_apart_instead() -> None:
    columns, labels = corpus(200, 3, n_speakers=2)
    protocol = protocols.parse("leave-one-speaker-out")
    for whole in folds("leave-one-speaker-out", columns, labels):
        split = protocols.with_development(whole, protocol, columns, labels, 7)
        assert 0 < split.development.size < split.train.size
        assert not set(columns["script"][split.train]) & set(columns["script"][split.development])
    single_row = {name: column[:1] for name, column in columns.items()}
    with pytest.raises(NotEnoughData, match="found a single training row"):
        whole = protocols.Split("x", np.arange(1), np.arange(0))
        protocols.with_development(whole, protocol, single_row, labels[:1], 7)


def test_every_protocol_parses_and_describes_itself() -> None:
    for form in protocols.FORMS.values():
        text = form.replace("(k)", "(5)").replace("speaker, …", "23, 24")
        protocol = protocols.parse(text)
        assert protocol.name == text
        assert protocol.in_words().endswith(".")
        assert protocol.leaky == ("LEAKY" in protocol.in_words()) == (text == "random(5)")
    assert protocols.parse("session-out").averaging == "per fold"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speakers-out(6)", "did you mean speaker-out(k)"),
        ("speaker-out", "needs a number of folds"),
        ("random(1)", "2 or more"),
        ("official(3)", "takes nothing in brackets"),
        ("fixed()", "name the speakers"),
        ("", "There are official"),
    ],
)
def test_errors_list_the_valid_protocols(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(").replace(")", r"\)")):
        protocols.parse(text)


def test_a_corpus_too_small_for_a_protocol_lists_the_possible_ones() -> None:
    columns, labels = corpus(60, 3)
    mute = {**columns, "speaker": np.full(60, "")}
    with pytest.raises(NotEnoughData, match=r"needs the speaker of every utterance.*possible here: .*session-out"):
        folds("speaker-out(3)", mute, labels)
    with pytest.raises(NotEnoughData, match="needs 9 speakers or more, and there are 6"):
        folds("speaker-out(9)", columns, labels)
    with pytest.raises(NotEnoughData, match="no speaker s77; there are s0"):
        folds("fixed(s77)", columns, labels)
    with pytest.raises(NotEnoughData, match="training and a test part"):
        folds("official", {**columns, "split": np.full(60, "train")}, labels)
