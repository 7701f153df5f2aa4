"""Stage polarity: the source's consensus, all votes, a label or a reason for every utterance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tasks.core import code_version, each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import ConfigError, NotEnoughData
from tasks.labelling.base import registry, voter_kinds
from tasks.labelling.base.voter_input import VoterInput
from tasks.labelling.quality import combination_file
from tasks.labelling.votes import combine
from tasks.stages import polarity

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
    combination = combine.combined(np.array([votes]), "consensus", combine.Thresholds(0.25, 0.0))
    assert (combination.labels[0], combination.left_out[0]) == (sentiment or "", left_out or "")
    assert combination.scores[0] == pytest.approx(sum(votes) / len(votes))
    assert combination.weights[0] == 1.0 if sentiment else np.isnan(combination.weights[0])


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
        assert sum(row[name] for name in tables.SENTIMENTS) == pytest.approx(1)
    assert [row["weight"] for row in rows] == [1.0, 1.0, 1.0, None, None, 1.0]
    assert rows[0]["majority"] == "positive"
    assert rows[0]["positive"] == 1.0


def test_a_changed_threshold_repeats_no_vote(captioned: Callable[..., None], settings: Config) -> None:
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


def test_stop_words_are_kept_unless_asked_and_not_is_one_of_them(settings: Config) -> None:
    text = "I am not happy about that"
    alone = settings.polarity.model_copy(update={"voters": ["vader"]})
    removing = alone.model_copy(update={"remove_stop_words": True})
    (kept,), (removed,) = (
        polarity.cast([text], polarity.voting_settings(tried))["vader"].polarities for tried in (alone, removing)
    )
    assert kept < 0 < removed


def test_hedges_count_as_positive_unless_they_are_masked(settings: Config) -> None:
    texts = ["It was kind of a table", "She was kind to the people"]
    alone = settings.polarity.model_copy(update={"voters": ["textblob"]})
    masking = alone.model_copy(update={"mask_hedges": True})
    unmasked, masked = (
        polarity.cast(texts, polarity.voting_settings(tried))["textblob"].polarities for tried in (alone, masking)
    )
    assert unmasked[0] == unmasked[1] == masked[1] == 0.6
    assert masked[0] == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["vader", "pattern"], "unknown voter pattern; available are afinn, .*vader"),
        (["vader", "vader"], "twice"),
    ],
)
def test_wrong_voters_stop_before_any_work(
    captioned: Callable[..., None], settings: Config, names: list[str], message: str
) -> None:
    captioned(1, 0, per_video=1)
    with pytest.raises(ConfigError, match=message):
        run(settings, voters=names)
    assert not paths.MEMO.exists()


@pytest.mark.parametrize("how", ["mean", "majority", "label-model", "mace"])
def test_other_combinations_label_what_the_consensus_leaves_out(
    captioned: Callable[..., None], settings: Config, how: str
) -> None:
    captioned(1, 1, per_video=6)
    texts = [*SAYS.values(), SAYS["positive"], "Great awful wonderful terrible things happened there", "Yes it is"]
    say(texts * 2)
    rows = {row["utterance_id"]: row for row in run(settings, combine=how, min_score=0.0)}
    consensus = {row["utterance_id"]: row for row in run(settings)}
    assert sum(row["sentiment"] is not None for row in rows.values()) > sum(
        row["sentiment"] is not None for row in consensus.values()
    )
    for utterance_id, row in rows.items():
        assert (row["sentiment"] is None) == (row["left_out"] is not None) == (row["weight"] is None)
        if row["sentiment"]:
            assert row["weight"] == row[row["sentiment"]]
        if consensus[utterance_id]["sentiment"]:
            assert row["sentiment"] == consensus[utterance_id]["sentiment"]


def test_a_label_model_is_fitted_to_training_videos_only(captioned: Callable[..., None], settings: Config) -> None:
    """Different votes on test videos do not change the labels of training videos."""
    captioned(2, 1, per_video=6)
    texts = [*SAYS.values(), "Great awful wonderful terrible things happened there"] * 3
    say([*texts, *[SAYS["negative"]] * 6])
    before = {row["utterance_id"]: row for row in run(settings, combine="label-model")}
    say([*texts, *[SAYS["positive"]] * 6])
    after = {row["utterance_id"]: row for row in run(settings, combine="label-model")}
    trained = [utterance_id for utterance_id in before if "/train-" in utterance_id]
    assert len(trained) == 12
    assert [before[utterance_id] for utterance_id in trained] == [after[utterance_id] for utterance_id in trained]


def test_a_project_voter_votes_with_the_others(captioned: Callable[..., None], settings: Config) -> None:
    captioned(1, 0, per_video=2)
    say([SAYS["positive"], SAYS["neutral"]])
    paths.VOTERS.mkdir(parents=True, exist_ok=True)
    module = paths.VOTERS / "tables.py"
    source = (
        'NAME, LICENCE = "tables", "MIT"\n\n\n'
        "def load():\n"
        "    def vote(text):\n"
        '        return -0.9 if "table" in text else None\n\n'
        "    return vote\n"
    )
    module.write_text(source)
    registry.load.cache_clear()
    rows = run(settings, voters=["vader", "tables"], combine="mean")
    assert [dict(row["votes"]).get("tables") for row in rows] == [None, -0.9]
    assert [row["sentiment"] for row in rows] == ["positive", "negative"]
    module.write_text(source.replace("-0.9", "0.9"))
    registry.load.cache_clear()
    assert [row["sentiment"] for row in run(settings, voters=["vader", "tables"], combine="mean")] == ["positive"] * 2
    assert sorted(path.name for path in paths.VOTERS.iterdir() if path.name != "README.md") == ["tables.py"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("NAME = 'broken'", "broken.py: LICENCE, load is missing"),
        ("NAME, LICENCE = 'other', 'MIT'\ndef load(): ...", "NAME is 'other'; expected 'broken'"),
        ("1 / 0", "cannot be run .ZeroDivisionError"),
        (
            "NAME, LICENCE = 'broken', 'MIT'\ndef load(): return lambda text: 7",
            "voter broken returned 7 for the text 'This wonderful",
        ),
        (
            "NAME, LICENCE = 'broken', 'MIT'\ndef load(): return lambda text: text.nothing",
            "broken.py fails on the text 'This wonderful.*AttributeError",
        ),
    ],
)
def test_an_invalid_project_voter_is_an_error(
    captioned: Callable[..., None], settings: Config, source: str, message: str
) -> None:
    captioned(1, 0, per_video=1)
    say([SAYS["positive"]])
    paths.VOTERS.mkdir(parents=True, exist_ok=True)
    (paths.VOTERS / "broken.py").write_text(source)
    registry.load.cache_clear()
    with pytest.raises(ConfigError, match=message):
        run(settings, voters=["vader", "broken"])


def _context_voter(name: str = "context") -> None:
    paths.VOTERS.mkdir(parents=True, exist_ok=True)
    (paths.VOTERS / f"{name}.py").write_text(
        f'NAME, LICENCE, CONTEXT = "{name}", "MIT", True\n\n\n'
        "def load():\n"
        "    def vote(given):\n"
        "        assert given.video and given.utterance_id.startswith(f'weak/{given.video}/')\n"
        "        heard = given.whole + ''.join(n.text for n in given.before)\n"
        "        return (0.8, 0.1, 0.1) if 'terrible' in heard else 0.25\n\n"
        "    return vote\n"
    )
    registry.load.cache_clear()


def test_a_voter_that_asks_for_context_gets_sentence_and_neighbours(
    captioned: Callable[..., None], settings: Config
) -> None:
    captioned(1, 0, per_video=6)
    _context_voter()
    say(["That was a really", "terrible day. But then", "we all went home again.", "One.", "Two.", "Three of them."])
    rows = run(settings, voters=["context", "vader"])
    assert [dict(row["votes"])["context"] for row in rows] == [pytest.approx(v) for v in (-0.7,) * 5 + (0.25,)]
    items = {path.name for path in paths.MEMO.rglob("*.arrow")}
    say(["That was a really", "wonderful day. But then", "we all went home again.", "One.", "Two.", "Three of them."])
    assert [dict(row["votes"])["context"] for row in run(settings, voters=["context", "vader"])] == [0.25] * 6
    assert {path.name for path in paths.MEMO.rglob("*.arrow")} > items


def test_times_and_speakers_are_in_the_key_only_for_voters_that_ask_for_them(
    captioned: Callable[..., None], settings: Config
) -> None:
    captioned(1, 0, per_video=3)
    _context_voter()
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES)
    for voters, n_keys in ((["vader"], 1), (["vader", "context"], 2)):
        before = len(list(paths.MEMO.rglob("*.arrow")))
        run(settings, voters=voters)
        later = [{**row, "end_s": row["end_s"] - 0.25} for row in utterances.to_pylist()]
        tables.write(tables.from_rows(later, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
        run(settings, voters=voters)
        tables.write(utterances, paths.UTTERANCES, tables.UTTERANCES)
        assert len(list(paths.MEMO.rglob("*.arrow"))) - before == n_keys


def test_voters_of_another_language_abstain(captioned: Callable[..., None], settings: Config) -> None:
    captioned(1, 0, per_video=1)
    (row,) = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()
    row |= {"text": SAYS["positive"], "language": "de-AT"}
    tables.write(tables.from_rows([row], tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
    (decided,) = run(settings)
    assert (decided["votes"], decided["sentiment"], decided["left_out"]) == ([], None, "no vote")
    row |= {"language": "en-AU"}
    tables.write(tables.from_rows([row], tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
    assert run(settings)[0]["sentiment"] == "positive"


def test_cleaning_concerns_the_text_and_not_its_sentence(settings: Config) -> None:
    removing = settings.polarity.model_copy(update={"voters": ["vader"], "remove_stop_words": True})
    asked = polarity.voting_settings(removing)
    (whole,) = polarity._cleaned([VoterInput("I am not happy", sentence="I am not happy about it.")], asked)
    assert (whole.text, whole.original, whole.whole) == ("I happy", "I am not happy", "I am not happy about it.")


def test_prosody_is_measured_for_voters_that_ask_for_it(captioned: Callable[..., None], settings: Config) -> None:
    captioned(2, 0, per_video=12)
    rows = run(settings, voters=["vader", "prosody"])
    levels = [dict(row["votes"]).get("prosody") for row in rows]
    assert set(levels) <= {None, -0.5}
    before = len(list(paths.MEMO.rglob("*.arrow")))
    videos = tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()
    changed = [{**row, "audio_sha256": "0" * 64} if k == 0 else row for k, row in enumerate(videos)]
    tables.write(tables.from_rows(changed, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
    run(settings, voters=["vader", "prosody"])
    assert len(list(paths.MEMO.rglob("*.arrow"))) == before + 1, "another sound of one video repeats its votes only"
    run(settings, voters=["vader"])
    n_texts = len(list(paths.MEMO.rglob("*.arrow")))
    tables.write(tables.from_rows(videos, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
    run(settings, voters=["vader"])
    assert len(list(paths.MEMO.rglob("*.arrow"))) == n_texts, "votes on texts do not depend on the sound"


def test_the_code_for_sound_belongs_to_voters_that_ask_for_it() -> None:
    assert registry.modules(["vader", "prosody"])[-1] == voter_kinds.VOICES
    assert voter_kinds.VOICES not in registry.modules(["vader", "tags"])
    assert not any("features/sound" in str(path) for path in code_version.files("tasks.stages.polarity"))


def rate(labels: dict[str, str]) -> None:
    """Write a listener's ratings of utterances, by text."""
    lines = ["Id,start_s,end_s,ada,text"]
    for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist():
        if row["text"] in labels:
            lines.append(
                f"{row['group'].removeprefix('test-')},{row['start_s']},{row['end_s']},{labels[row['text']]},x"
            )
    paths.LISTENERS.mkdir(parents=True, exist_ok=True)
    (paths.LISTENERS / "ada.csv").write_text("\n".join(lines) + "\n")


TURNED = {"positive": "negative", "negative": "positive", "neutral": "neutral"}


@pytest.mark.parametrize("how", ["stacking", "selected"])
def test_a_combination_is_trained_on_rated_training_videos(
    captioned: Callable[..., None], settings: Config, how: str
) -> None:
    """Listeners hear the opposite of the words: only a model of their ratings gives these labels."""
    captioned(4, 2, per_video=6)
    say([*SAYS.values()] * 12)
    rate({text: TURNED[label] for label, text in SAYS.items()})
    rows = run(settings, combine=how, voters=["vader", "afinn"])
    content = combination_file.read(paths.COMBINATION)
    assert (content.combine, content.chosen) == (how, "stacking")
    assert content.rows is not None
    assert content.rows["n"] == 24, "test videos are left out"
    texts = tables.read(paths.UTTERANCES, tables.UTTERANCES).sort_by("utterance_id")["text"].to_pylist()
    assert [row["sentiment"] for row in rows] == [TURNED[next(k for k in SAYS if SAYS[k] == text)] for text in texts]
    first = (paths.COMBINATION.read_bytes(), paths.VOTES.read_bytes())
    run(settings, combine=how, voters=["vader", "afinn"])
    assert (paths.COMBINATION.read_bytes(), paths.VOTES.read_bytes()) == first


def test_ratings_of_test_videos_change_no_label(captioned: Callable[..., None], settings: Config) -> None:
    captioned(0, 4, per_video=6)
    say([*SAYS.values()] * 8)
    rate({text: TURNED[label] for label, text in SAYS.items()})
    rows = run(settings, combine="selected")
    assert combination_file.read(paths.COMBINATION).chosen == "consensus"
    assert rows == run(settings)
    with pytest.raises(NotEnoughData, match="found 0 rated rows of training videos"):
        run(settings, combine="stacking")


def test_files_of_rated_texts_are_trained_on(captioned: Callable[..., None], settings: Config) -> None:
    captioned(1, 0, per_video=3)
    say([*SAYS.values()])
    paths.RATED.mkdir(parents=True, exist_ok=True)
    lines = [f"{text},{TURNED[label]},g{k}" for k in range(6) for label, text in SAYS.items()]
    (paths.RATED / "known.csv").write_text("text,sentiment,group\n" + "\n".join(lines) + "\n")
    rows = run(settings, combine="stacking")
    assert [row["sentiment"] for row in rows] == [TURNED[label] for label in SAYS]
    content = combination_file.read(paths.COMBINATION)
    assert content.rows is not None
    assert content.rows["sources"] == {"known": 18}


def test_damaged_sound_leaves_the_votes_on_texts(captioned: Callable[..., None], settings: Config) -> None:
    captioned(1, 0, per_video=3)
    say([SAYS["positive"], SAYS["negative"], SAYS["neutral"]])
    (paths.MEDIA / "train-0.flac").write_bytes(b"fLaC and nothing else")
    rows = run(settings, voters=["vader", "prosody"], combine="majority")
    assert [row["sentiment"] for row in rows] == ["positive", "negative", "neutral"]
    assert all(set(dict(row["votes"])) == {"vader"} for row in rows)  # type: ignore[call-overload]
