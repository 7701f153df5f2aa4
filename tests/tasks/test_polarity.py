"""Polarity: the source's consensus, every vote kept, every utterance accounted for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks import each, paths, polarity, tables
from tasks.config import Config
from tasks.errors import ConfigError

SAYS = {
    "positive": "This wonderful beautiful day makes everybody very happy",
    "negative": "That terrible horrible accident killed my poor friends",
    "neutral": "They moved the wooden table into another room yesterday",
}


def run(settings: Config, **changes: object) -> list[dict[str, object]]:
    changed = settings.model_copy(update={"polarity": settings.polarity.model_copy(update=changes)})
    polarity.run(changed, each=each.local(settings.runtime.model_copy(update={"workers": 1})))
    return tables.read(paths.VOTES, tables.VOTES).to_pylist()


def say(texts: list[str]) -> None:
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()[: len(texts)]
    for row, text in zip(utterances, texts, strict=True):
        row["text"] = text
    tables.write(tables.from_rows(utterances, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)


@pytest.mark.parametrize(
    ("votes", "sentiment", "left_out"),
    [
        ((0.5, 0.3, 0.1), "positive", None),
        ((-0.5, -0.3, -0.1), "negative", None),
        ((0.0, 0.0, 0.0), "neutral", None),
        ((0.25, 0.25, 0.25), None, "weak score"),
        ((-0.2, -0.1, -0.1), None, "weak score"),
        ((0.9, 0.9, -0.1), None, "votes differ"),
        ((0.9, 0.9, 0.0), None, "votes differ"),
        ((0.0, 0.0, 0.01), None, "votes differ"),
        ((0.26,), "positive", None),
    ],
)
def test_consensus_as_the_source_defines_it(votes: tuple[float, ...], sentiment: str, left_out: str) -> None:
    found = polarity.decide(votes, 0.25)
    assert (found.sentiment, found.left_out) == (sentiment, left_out)
    assert found.score == pytest.approx(sum(votes) / len(votes))


def test_every_utterance_has_its_votes_and_a_label_or_a_reason(
    captioned: Callable[..., None], settings: Config
) -> None:
    captioned(1, 0, per_video=6)
    say([*SAYS.values(), "Yes it is", "Great awful wonderful terrible things happened there", SAYS["positive"]])
    rows = run(settings)
    assert [row["sentiment"] for row in rows] == ["positive", "negative", "neutral", None, None, "positive"]
    assert [row["left_out"] for row in rows] == [None, None, None, "too few words", "votes differ", None]
    for row in rows:
        votes = dict(row["votes"])
        assert list(votes) == settings.polarity.voters
        assert all(-1 <= vote <= 1 for vote in votes.values())
        assert row["score"] == pytest.approx(sum(votes.values()) / 3)


def test_a_changed_threshold_votes_nothing_again(captioned: Callable[..., None], settings: Config) -> None:
    captioned(2, 0, per_video=2)
    say([SAYS["positive"], SAYS["negative"], SAYS["neutral"], SAYS["positive"]])
    assert [row["sentiment"] for row in run(settings)] == ["positive", "negative", "neutral", "positive"]
    before = {path: path.stat().st_mtime_ns for path in paths.MEMO.rglob("*.arrow")}
    assert [row["left_out"] for row in run(settings, min_score=0.99)] == [
        "weak score",
        "weak score",
        None,
        "weak score",
    ]
    assert {path: path.stat().st_mtime_ns for path in paths.MEMO.rglob("*.arrow")} == before


def test_stop_words_are_kept_unless_asked_and_not_is_one_of_them() -> None:
    text = "I am not happy about that"
    kept = polarity.cast(text, polarity.Ballot(voters=["vader"], remove_stop_words=False))
    removed = polarity.cast(text, polarity.Ballot(voters=["vader"], remove_stop_words=True))
    assert kept["vader"] < 0 < removed["vader"]


@pytest.mark.parametrize(
    ("voters", "message"),
    [(["vader", "pattern"], "unknown voter pattern; allowed: vader, textblob, afinn"), (["vader", "vader"], "twice")],
)
def test_wrong_voters_stop_before_any_work(
    captioned: Callable[..., None], settings: Config, voters: list[str], message: str
) -> None:
    captioned(1, 0, per_video=1)
    with pytest.raises(ConfigError, match=message):
        run(settings, voters=voters)
    assert not paths.MEMO.exists()
