"""Results of adaptation to speakers, beside the plain scores of the same recipe on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tasks.evaluation.splits import Labels
from tasks.experiments import adaptation, calibration, one_sided
from tasks.experiments.fit_item import ADAPTED, ADAPTED_HELD_OUT, HELD_OUT, RECIPE
from tasks.experiments.runs import Fits, Scorer
from tasks.experiments.scoring import Run
from tasks.models.base.estimator import Scores

KEY = "adaptation"
"""Section of `results.json` and of the model's card."""
_CHECKED_DRAWS, _CHECKED_CLIPS = 20, 10
"""Draws of each speaker by which detection is measured, and their size if the recipe uses all clips."""


def runs(scorer: Scorer, fits: Fits) -> list[Run]:
    """Return the predictions of adapted fits: a run per draw of clips and seed.

    Args:
        scorer: of the experiment
        fits: of the variant
    """
    return [*scorer.runs(fits), *_changed(scorer, fits, "draw")]


def measured(
    scorer: Scorer, all_fits: Sequence[Fits], tested: Mapping[str, Sequence[Run]], folds: Callable[[Fits], Any]
) -> dict[str, Any] | None:
    """Return the scores after adaptation, what one-sided clips do, and how often these are detected.

    Args:
        scorer: of the experiment
        all_fits: of every variant
        tested: variant → its runs
        folds: returns the scores of fits by fold

    Returns:
        None for a recipe without adaptation
    """
    adapt, plan = scorer.plan.recipe.adapt, scorer.plan
    fits = next((fits for fits in all_fits if fits.name == ADAPTED), None)
    if adapt is None or fits is None:
        return None
    adapted, plain = tested[ADAPTED], tested[RECIPE]
    fitted_on = None if HELD_OUT not in tested and _has_folds(plain) else tested.get(ADAPTED_HELD_OUT, ())
    return {
        **adapt.model_dump(),
        "name": adaptation.title(adapt),
        "protocol": f"{plan.protocol.name}, {adaptation.title(adapt)}",
        "in_words": adaptation.in_words(adapt),
        "blocks": list(adaptation.blocks(plan)),
        "scores": scorer.scored(adapted),
        # paired: the same rows, and the plain run of the same seeds
        "gain": scorer.gained(adapted, plain),
        "all_clips": scorer.headline(_changed(scorer, fits, "all")),
        "one_class": scorer.headline(_changed(scorer, fits, "one class")),
        "folds": folds(fits),
        "tuned_points": [dict(plan.points[item.point]) for item in fits.items] if plan.recipe.tune else [],
        "one_sided": _one_sided(scorer, tested),
        "calibration": calibration.measured(
            adapted, scorer.data.outputs, probabilities=plan.model.probabilities, fitted_on=fitted_on
        ),
    }


def limits(scorer: Scorer, tested: Mapping[str, Sequence[Run]]) -> dict[int, float]:
    """Return the bounds of one-sided clips that the kept model states.

    Args:
        scorer: of the experiment
        tested: variant → its runs; held-out folds of the training part, or else the test rows of all folds
    """
    run = _once((tested.get(HELD_OUT) or tested[RECIPE])[0])
    if HELD_OUT not in tested and not _has_folds(tested[RECIPE]):
        return {}
    return one_sided.bounds(_probabilities(scorer, run, tested), run.ids, _speakers(scorer, run))


def _one_sided(scorer: Scorer, tested: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    adapt, run = scorer.plan.recipe.adapt, _once(tested[RECIPE][0])
    assert adapt is not None
    of_training = None if HELD_OUT not in tested and _has_folds([run]) else limits(scorer, tested)
    speakers, seed = _speakers(scorer, run), scorer.plan.recipe.seeds[0]
    n_clips = _CHECKED_CLIPS if adapt.clips == adaptation.ALL else adapt.clips
    more = adapt.model_copy(update={"draws": max(adapt.draws, _CHECKED_DRAWS), "clips": n_clips})
    draws = {
        # the clips that the scores are from, which the page warns about; all clips are not a choice
        "drawn": [] if adapt.clips == adaptation.ALL else adaptation.draws_of(adapt, run.ids, speakers, seed),
        "random": adaptation.draws_of(more, run.ids, speakers, seed + 1),
        "one class": adaptation.of_one_class(more, run.ids, speakers, run.actual, seed),
    }
    as_ids = {
        kind: [{name: run.ids[rows] for name, rows in clips.items()} for clips in of_kind]
        for kind, of_kind in draws.items()
    }
    shares = one_sided.measured(
        _probabilities(scorer, run, tested), run.ids, speakers, run.fold, draws=as_ids, limits=of_training
    )
    return {
        "false_alarms": one_sided.FALSE_ALARMS,
        "clips": n_clips,
        "bounds_by": "the training speakers of each fold, whom other folds test"
        if of_training is None
        else "held-out folds of the training part",
        "draws": shares,
    }


def _changed(scorer: Scorer, fits: Fits, kind: str) -> list[Run]:
    """Return the predictions by other clips, one run per draw and seed."""
    keys = dict.fromkeys(key for record in fits.records for key, _ in record["probes"])
    chosen = [key for key in keys if key.partition("|")[0] == kind]
    return [
        run
        for key in chosen
        for run in scorer.runs(
            Fits(
                fits.name,
                fits.items,
                tuple({**record, "scores": dict(record["probes"]).get(key, [])} for record in fits.records),
            )
        )
    ]


def _probabilities(scorer: Scorer, run: Run, tested: Mapping[str, Sequence[Run]]) -> Scores:
    """Return the plain model's calibrated probabilities of a run's rows."""
    fitted_on = tested.get(HELD_OUT) if HELD_OUT in tested or not _has_folds(tested[RECIPE]) else None
    classes, probabilities = scorer.data.outputs, scorer.plan.model.probabilities
    (scaled,) = calibration.scaled([run], classes, probabilities=probabilities, fitted_on=fitted_on)
    return scaled


def _speakers(scorer: Scorer, run: Run) -> Labels:
    of_row = dict(zip(scorer.data.ids.tolist(), scorer.data.columns["speaker"].tolist(), strict=True))
    return np.array([of_row[name] for name in run.ids.tolist()], dtype=str)


def _once(run: Run) -> Run:
    """Return a run with the first prediction of each row; with pairs of corpora, a row is tested several times."""
    rows = np.unique(run.ids, return_index=True)[1]
    return Run(run.ids[rows], run.actual[rows], run.scores[rows], run.groups[rows], run.fold[rows])


def _has_folds(runs: Sequence[Run]) -> bool:
    return bool(np.unique(runs[0].fold).size > 1)
