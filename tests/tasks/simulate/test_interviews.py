from collections import defaultdict

import numpy as np
import pytest

from tasks.core.config import Config, Simulate
from tasks.simulate import interviews, sentences
from tasks.simulate.interviews import Interview, plan

PARAMETERS = ("pitch", "range", "rate", "volume")


@pytest.fixture(scope="module")
def shipped(settings: Config) -> Simulate:
    return settings.simulate


def sized(settings: Simulate, **changes: object) -> Simulate:
    return settings.model_copy(update=changes)


def voices(interview: Interview) -> set[str]:
    return {line.delivery.voice for line in interview.lines}


def by_intent(planned: tuple[Interview, ...], parameter: str) -> dict[str, np.ndarray]:
    values_of = defaultdict(list)
    for interview in planned:
        for line in interview.lines:
            if line.intent:
                values_of[line.intent].append(getattr(line.delivery, parameter))
    return {intent: np.array(values) for intent, values in values_of.items()}


def test_as_many_interviews_as_asked_for_with_unique_ids(shipped: Simulate) -> None:
    planned = plan(shipped)
    usable = [interview for interview in planned if interview.captions not in ("none", "laughter")]
    assert sum(interview.split == "train" for interview in usable) == shipped.train == 24
    assert sum(interview.split == "test" for interview in usable) == shipped.test == 8
    assert len({interview.id for interview in planned}) == len(planned)
    assert {interview.captions for interview in usable} == {"manual vtt", "automatic vtt", "manual srt", "both"}
    assert {interview.container for interview in usable} == {"m4a", "webm"}


def test_speakers_are_disjoint_between_interviews_and_timbres_between_splits(shipped: Simulate) -> None:
    planned = plan(shipped)
    everybody = [voice for interview in planned for voice in voices(interview)]
    assert len(everybody) == len(set(everybody))
    timbres = defaultdict(set)
    for interview in planned:
        timbres[interview.split] |= {voice.partition("+")[2] for voice in voices(interview)}
    assert not timbres["train"] & timbres["test"]


def test_no_telling_word_is_in_both_splits(shipped: Simulate) -> None:
    adjectives = set().union(*sentences.ADJECTIVES.values())
    by_split = defaultdict(set)
    for interview in plan(shipped):
        for line in interview.lines:
            by_split[interview.split] |= adjectives & set(line.text.replace(",", "").split())
    assert by_split["train"] and by_split["test"]
    assert not (by_split["train"] & by_split["test"]) - {
        word for text in sentences.CONFLICTING for word in text.split()
    }


def test_prosody_changes_only_the_delivery_of_what_is_meant(shipped: Simulate) -> None:
    flat, moved = plan(sized(shipped, prosody=0.0)), plan(sized(shipped, prosody=1.0))
    for interview, other in zip(flat, moved, strict=True):
        assert [line.text for line in interview.lines] == [line.text for line in other.lines]
        assert [line.pause_s for line in interview.lines] == [line.pause_s for line in other.lines]
        assert [a.delivery for a in interview.lines if not a.intent] == [
            b.delivery for b in other.lines if not b.intent
        ]
    assert flat != moved


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_at_prosody_0_no_parameter_depends_on_the_sentiment(shipped: Simulate, parameter: str) -> None:
    groups = by_intent(plan(sized(shipped, train=300, prosody=0.0)), parameter)
    pairs = [("negative", "neutral"), ("neutral", "positive"), ("negative", "positive")]
    for low, high in pairs:
        error = np.hypot(*(groups[name].std() / np.sqrt(groups[name].size) for name in (low, high)))
        assert abs(groups[low].mean() - groups[high].mean()) < 4 * error


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_more_prosody_moves_the_means_further_apart(shipped: Simulate, parameter: str) -> None:
    def spread(prosody: float) -> float:
        groups = by_intent(plan(sized(shipped, prosody=prosody)), parameter)
        means = [values.mean() for values in groups.values()]
        return float(max(means) - min(means))

    assert spread(0.0) < spread(0.5) < spread(1.0)


def test_a_plan_is_the_same_for_the_same_seed_only(shipped: Simulate) -> None:
    assert plan(shipped) == plan(shipped)
    assert plan(shipped) != plan(sized(shipped, seed=8))


def test_any_size(shipped: Simulate) -> None:
    large = plan(sized(shipped, train=1000, test=100))
    assert len(large) == 1102
    assert len({interview.lines for interview in large}) == len(large)
    assert len(plan(sized(shipped, train=1, test=1))) == 4


def test_host_and_short_remarks_are_not_for_labelling(shipped: Simulate) -> None:
    for interview in plan(shipped):
        unlabelled = {line.text for line in interview.lines if line.intent is None}
        assert unlabelled <= {*sentences.SHORT, *sentences.QUESTIONS, interviews.LAUGHTER}
        assert 9 <= sum(line.intent is not None for line in interview.lines) <= 14
