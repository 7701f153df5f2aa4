"""Labels, limits and steps of the funnel in words, derived from settings and measurements."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.core.config import Config
from tasks.labelling.votes import combine, eligibility
from tasks.pages.weak import funnel
from tasks.pages.weak.inputs import RunResults

_COMBINED = {
    "consensus": (
        "Consensus: all voters that do not abstain agree in sign, or all give zero. The score is the mean vote: "
        "positive or negative if it is more than {min_score:g} away from zero, neutral if all votes are zero, "
        "otherwise no label."
    ),
    "mean": (
        "The sign of the mean vote: positive or negative if it is more than {min_score:g} away from zero, neutral "
        "if it is zero, otherwise no label."
    ),
    "majority": (
        "The majority of their signs, if it has {min_probability:g} of the votes or more; a tie gives no label. In "
        "training, a label is weighted by its share of the votes."
    ),
    "label-model": (
        "The most probable sentiment by a Dawid–Skene model, fitted to the votes on training videos, if its "
        "probability is {min_probability:g} or more. In training, a label is weighted by its probability."
    ),
    "mace": (
        "The most probable sentiment by MACE, a model of voters that copy the true sentiment or ignore the text, "
        "fitted to the votes on training videos, if its probability is {min_probability:g} or more. In training, a "
        "label is weighted by its probability."
    ),
    "stacking": (
        "The most probable sentiment by a logistic regression on the votes, trained on rated texts and on rated "
        "utterances of training videos, if its probability is {min_probability:g} or more. In training, a label is "
        "weighted by its probability."
    ),
    "selected": (
        "By the combination, or the voter alone, with the best cross-validated macro F1 on rated texts and rated "
        "utterances of training videos, named under label quality; min_score {min_score:g} or min_probability "
        "{min_probability:g} applies, depending on it."
    ),
}


def labels(config: Config) -> list[tuple[str, str]]:
    """Return where labels and utterances come from, as named paragraphs.

    Args:
        config: the settings the run was made with
    """
    settings, lengths = config.polarity, config.eligibility
    seen = "stop words removed" if settings.remove_stop_words else "stop words kept"
    seen += ", hedges such as “kind of” removed" if settings.mask_hedges else ""
    how = _COMBINED[settings.combine].format(min_score=settings.min_score, min_probability=settings.min_probability)
    suitable = f"{lengths.min_duration_s:g} to {lengths.max_duration_s:g} s with at least {lengths.min_words} words"
    texts = {"never": "captions", "missing": "captions or recognised speech", "always": "recognised speech"}
    read = texts[config.transcribe.when]
    whose = {
        eligibility.ALL: "",
        eligibility.MOST: " Only utterances of the speaker who speaks most in the video.",
    }.get(lengths.speakers, f" Only utterances of the speaker named {lengths.speakers} in the captions.")
    return [
        ("Labels", f"Labels combine the votes of {', '.join(settings.voters)} on the {read} ({seen}). {how}"),
        ("Utterances", f"Utterances of {suitable} besides stop words.{whose}"),
    ]


def limits(rows: Sequence[funnel.FunnelRow], results: RunResults) -> tuple[str, ...]:
    """Return what the scores do not cover, with counts.

    Args:
        rows: of the funnel
        results: tables and scores of the run
    """
    eligible = next(row for row in rows if row.label == funnel.ELIGIBLE)
    sentences = [
        f"Only utterances with a label are scored: {results.metrics['n']:,} of the {eligible.test:,} test utterances "
        "of suitable length. How the classifier performs on the others is not known.",
        "The labels come from the text. Where text and sound convey different sentiments, a classifier of the sound is "
        "counted as wrong.",
    ]
    ratings = results.label_quality["ratings"]
    if not any(reference["name"] == "listeners" for reference in results.metrics.get("references", ())):
        sentences.append(
            "No listener has rated the utterances: how well the labels match what people hear is not measured."
            if not ratings["n_rows"]
            else f"No rating can be used: {ratings['in_words']}"
        )
    return tuple(sentences)


def explain(row: funnel.FunnelRow, config: Config) -> str:
    """Return an explanation of a row of the funnel with this run's settings; empty if it needs none.

    Args:
        row: of the funnel
        config: settings of the run
    """
    return _steps(config).get(row.label, "") if row.kind == "step" else _losses(config).get((row.stage, row.label), "")


def _steps(config: Config) -> dict[str, str]:
    lengths = config.eligibility
    return {
        "listed": "in the training and the test list, playlists expanded",
        "fetched": (
            "audio was downloaded and can be decoded; captions, where there are some"
            if config.transcribe.is_on
            else "audio and captions were downloaded and can be decoded"
        ),
        funnel.SPOKEN: (
            "in captions, or in recognised speech where it takes their place"
            if config.transcribe.is_on
            else "utterances in captions, and cues that could not be used"
        ),
        funnel.ELIGIBLE: (
            f"{lengths.min_duration_s:g} to {lengths.max_duration_s:g} s, at least {lengths.min_words} words "
            "besides stop words"
        ),
        "with a label": f"from {', '.join(config.polarity.voters)}; see the protocol",
        "cut": "one audio clip for each utterance",
        "with features": "every feature is a finite number",
        "used for training or test": "the recipe is fitted on the training rows and scored on the test rows",
    }


def _losses(config: Config) -> dict[tuple[str, str], str]:
    lengths = config.eligibility
    return {
        ("captions", funnel.NO_CUE_LEFT): "there are captions, but no cue could be used",
        ("polarity", "too short"): f"under {lengths.min_duration_s:g} s",
        ("polarity", "too long"): f"over {lengths.max_duration_s:g} s",
        ("polarity", "too few words"): f"fewer than {lengths.min_words} besides stop words",
        ("polarity", eligibility.OTHER_SPEAKER): f"eligibility.speakers is {lengths.speakers}",
        ("polarity", eligibility.UNKNOWN_SPEAKER): "no speech was detected in the utterance",
        ("polarity", combine.DIFFER): "neither all negative, nor all zero, nor all positive",
        ("polarity", combine.WEAK): f"the mean vote is not zero, but within ±{config.polarity.min_score:g}",
        ("polarity", combine.TIE): "two or more sentiments have the most votes, or are equally probable",
        (
            "polarity",
            combine.UNSURE,
        ): f"no sentiment is {config.polarity.min_probability:g} probable or more",
        ("polarity", combine.NO_VOTE): "every voter abstains",
    }
