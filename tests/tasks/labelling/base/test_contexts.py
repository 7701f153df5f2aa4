"""Sentences and neighbours of utterances."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from tasks.labelling.base.contexts import REACH, SpokenText, surroundings
from tasks.labelling.base.voter_input import Neighbour


def cues(texts: Sequence[str], speakers: str = "", pauses: Sequence[int] = ()) -> list[SpokenText]:
    starts_s = [k * 3.0 + 10.0 * sum(place <= k for place in pauses) for k in range(len(texts))]
    return [
        SpokenText(text, starts_s[k], starts_s[k] + 2.9, speakers[k] if speakers else None)
        for k, text in enumerate(texts)
    ]


def sentences(*args: object, **options: object) -> list[str]:
    return [around.sentence for around in surroundings(cues(*args, **options))]  # type: ignore[arg-type]


def test_a_cue_gets_the_sentences_that_it_has_a_word_of() -> None:
    texts = ["I did not like", "it at all. Mr. Smith", "did. Fine.", "Next one."]
    first, second = "I did not like it at all.", "Mr. Smith did."
    assert sentences(texts) == [first, f"{first} {second}", f"{second} Fine.", "Next one."]


def test_a_sentence_ends_at_a_long_pause_and_where_another_speaks() -> None:
    texts = ["I did not like", "it at all. And", "what else happened.", "Fine."]
    assert sentences(texts, pauses=[2]) == ["I did not like it at all."] * 1 + [
        "I did not like it at all. And", "what else happened.", "Fine.",
    ]  # fmt: skip
    assert sentences(texts, speakers="aabb")[2] == "what else happened."


def test_without_punctuation_a_cue_gets_those_beside_it() -> None:
    texts = ["there was no way", "that I would ever", "do it again", "and then we left"]
    assert sentences(texts, pauses=[3]) == [
        "there was no way that I would ever",
        "there was no way that I would ever do it again",
        "that I would ever do it again",
        "and then we left",
    ]


def test_neighbours_are_in_order_of_time_and_know_their_speaker() -> None:
    around = surroundings(cues([f"u{k}." for k in range(9)], speakers="aabbaabba"))[4]
    assert around.before == (Neighbour("u1.", True), Neighbour("u2.", False), Neighbour("u3.", False))
    assert around.after == (Neighbour("u5.", True), Neighbour("u6.", False), Neighbour("u7.", False))
    (alone,) = surroundings(cues(["Only this."]))
    assert (alone.sentence, alone.before, alone.after) == ("Only this.", (), ())
    assert surroundings(cues(["a.", "b."]))[0].after == (Neighbour("b.", None),)


def test_every_cut_of_a_text_gives_the_sentences_of_its_words() -> None:
    rng = random.Random(3)
    for _ in range(50):
        whole = [[f"w{n}x{k}" for k in range(rng.randint(1, 9))] for n in range(12)]
        text = [" ".join(words) + "." for words in whole]
        words = " ".join(text).split()
        number = [n for n, own in enumerate(whole) for _ in own]
        cuts = sorted({0, len(words), *(rng.randrange(len(words)) for _ in range(15))})
        spans = list(pairwise(cuts))
        expected = [" ".join(text[n] for n in sorted(set(number[a:b]))) for a, b in spans]
        assert sentences([" ".join(words[a:b]) for a, b in spans]) == expected
    assert REACH == 3


def test_empty_videos_and_texts() -> None:
    assert surroundings([]) == []
    assert sentences(["One sentence.", "", "Another one."]) == ["One sentence.", "", "Another one."]
