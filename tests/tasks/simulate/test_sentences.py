from collections.abc import Callable

import pytest

from tasks.simulate import sentences

Votes = Callable[[str], tuple[float, float, float]]


@pytest.fixture(scope="module")
def votes() -> Votes:
    from afinn import Afinn
    from textblob import TextBlob
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    vader, afinn = SentimentIntensityAnalyzer(), Afinn()

    def vote(text: str) -> tuple[float, float, float]:
        per_word = afinn.score(text) / 5 / len(text.split())
        return vader.polarity_scores(text)["compound"], TextBlob(text).sentiment.polarity, per_word

    return vote


@pytest.mark.parametrize("sentiment", sentences.ADJECTIVES)
def test_lexicons_agree_on_every_adjective_in_any_dress(votes: Votes, sentiment: str) -> None:
    sign = {"negative": -1, "neutral": 0, "positive": 1}[sentiment]
    for i, adjective in enumerate(sentences.ADJECTIVES[sentiment]):
        sentence = sentences.FRAMES[i % len(sentences.FRAMES)].format(adjective)
        for text in (sentence, sentence.lower(), sentences.spoken(sentence, sentences.OPENINGS[0])):
            scores = votes(text)
            if sign == 0:
                assert scores == (0, 0, 0), text
            else:
                assert min(sign * vote for vote in scores) > 0, text
                assert sign * sum(scores) / 3 > 0.25, text


def test_frames_and_openings_say_nothing_by_themselves(votes: Votes) -> None:
    for frame in sentences.FRAMES:
        assert votes(frame.format("northern")) == (0, 0, 0), frame
    for opening in sentences.OPENINGS:
        assert votes(opening) == (0, 0, 0), opening


def test_frames_have_enough_words_that_count() -> None:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    for frame in sentences.FRAMES:
        assert frame.count("{}") == 1
        assert sum(word.lower() not in ENGLISH_STOP_WORDS for word in frame.split()) >= 4, frame


def test_adjectives_are_as_many_and_about_as_long_for_every_sentiment() -> None:
    lists = list(sentences.ADJECTIVES.values())
    assert len({len(words) for words in lists}) == 1
    assert len(set().union(*lists)) == sum(map(len, lists))
    lengths = [sum(map(len, words)) / len(words) for words in lists]
    assert max(lengths) - min(lengths) < 1.5


def test_the_conflicting_ones_make_the_lexicons_disagree_or_err(votes: Votes) -> None:
    def consensus(text: str) -> str | None:
        signs = {(vote > 0) - (vote < 0) for vote in votes(text)}
        return {1: "positive", -1: "negative", 0: "neutral"}[signs.pop()] if len(signs) == 1 else None

    decided = {text: consensus(text) for text in sentences.CONFLICTING}
    assert sum(decision is None for decision in decided.values()) >= 6
    assert sum(decision not in (None, sentences.CONFLICTING[text]) for text, decision in decided.items()) >= 3


def test_spoken_form() -> None:
    assert sentences.spoken("we met there", "back then") == "Back then, we met there."
    assert sentences.spoken("I met him") == "I met him."
