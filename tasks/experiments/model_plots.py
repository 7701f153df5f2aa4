"""What the kept model is, and what it was shown: its size, its attention, augmentations, the frames of videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.core import paths
from tasks.evaluation.protocols import Split
from tasks.experiments.data import Data
from tasks.experiments.fitted_model import Fitted
from tasks.experiments.plan import Part, Plan
from tasks.experiments.plot_data import Attended, Frames, Search, Shares, Varied
from tasks.features.sound import spectra
from tasks.features.video import contact_sheet
from tasks.models.training import rate_finder

MOST_ATTENDED = 3
_CROSS_MODAL = ("cross-modal", "cross-modal-svm")
"""Models that tell how much of their attention goes to which block."""
_DECIBELS = ("log-mel", "waveform")
"""Extractors whose frames, or what networks make of them, are spectrograms in dB."""


def size(fitted: Fitted, files: Mapping[str, bytes]) -> dict[str, int]:
    """Return the bytes of a model's files, and the weights of all networks in it; 0 of a model that is none."""
    parts = _networks(fitted.estimator).values()
    return {
        "n_bytes": sum(map(len, files.values())),
        "n_parameters": sum(getattr(one, "n_parameters_", 0) for one in parts),
    }


def frames(plan: Plan) -> tuple[Frames, ...]:
    """Return contact sheets of the recipe's features that are read off video."""
    sheets = {
        one: contact_sheet.read(paths.features(plan.recipe.corpus, one)) for one in plan.modalities.get("video", ())
    }
    return tuple(Frames(one, rows) for one, rows in sheets.items() if rows)


def shares(plan: Plan, data: Data, splits: Sequence[Split], fitted: Fitted) -> Shares | None:
    """Return how the kept model's attention is shared out; None for a model that pays none to whole blocks."""
    if plan.task != "classes" or len(plan.parts) < 2 or plan.model.name not in _CROSS_MODAL:
        return None
    tested = len(splits) == 1
    rows = splits[0].test if tested else np.arange(data.ids.size)
    blocks, found = fitted.attended(data.inputs.rows(rows))
    classes = np.unique(data.target[rows])
    mine = [data.target[rows] == one for one in classes]
    return Shares(
        blocks,
        tuple(classes.tolist()),
        tuple(int(one.sum()) for one in mine),
        np.stack([found[one].mean(axis=0) for one in mine]),
        tested,
    )


def searched(fitted: Fitted) -> tuple[Search, ...]:
    """Return how the kept model's learning rates were found, where they were looked for."""
    found = []
    for block, one in _networks(fitted.estimator).items():
        curve = [entry for entry in getattr(one, "search_", ()) if "loss" in entry]
        if curve:
            rates, losses = (np.array([entry[name] for entry in curve]) for name in ("learning_rate", "loss"))
            found.append(Search(block, rates, losses, rate_finder.proposed(curve)))
    return tuple(found)


def _networks(estimator: Any) -> dict[str, Any]:
    """Return an estimator as "", and the branches that it has, by block."""
    branches = getattr(estimator, "fitted_", None)
    return {"": estimator, **(branches if isinstance(branches, Mapping) else {})}


def varied(plan: Plan, data: Data) -> Varied | None:
    """Return the first utterance under each augmentation of the recipe; None where it has none, or no spectrograms."""
    from tasks.models.training.augmentation import Augmentation

    settings, part = plan.settings(0), _seen(plan)
    if part is None or getattr(settings, "augment", Augmentation()) == Augmentation():
        return None
    from tasks.models.networks.augmentation_examples import variants

    mel = settings.mel if part.extractor.name == "waveform" else None
    steps = data.inputs.sequences[part.name][0][:, : _bands(part)]
    return Varied(variants(steps, settings.augment, mel, plan.recipe.seeds[0]), mel.step_s if mel else _step_s(part))


def attended(plan: Plan, data: Data, fitted: Fitted, point: int) -> tuple[Attended, ...]:
    """Return one utterance each of the first classes, with the kept model's attention; none where it pays none."""
    part = _seen(plan)
    if part is None or plan.task != "classes" or not getattr(plan.settings(point), "attention", False):
        return ()
    utterances = data.first
    classes = data.target[utterances]
    first = np.array([utterances[np.argmax(classes == one)] for one in data.outputs[:MOST_ATTENDED]], dtype=np.int64)
    inputs = data.inputs.rows(first)
    weights, scores = fitted.estimator.attention(inputs), fitted.scores(inputs)
    steps = fitted.estimator.examples(inputs).batch(np.arange(len(first)))["steps"]
    mel = plan.settings(point).mel if part.extractor.name == "waveform" else None
    if mel is not None:
        steps = spectra.spectrogram(steps[..., 0], mel)[:, : weights.shape[1]]
    return tuple(
        Attended(
            str(data.clips[row]),
            str(data.target[row]),
            fitted.estimator.outputs_[int(scores[k].argmax())],
            steps[k, :, : _bands(part)],
            weights[k],
            mel.step_s if mel else _step_s(part),
        )
        for k, row in enumerate(first.tolist())
    )


def _seen(plan: Plan) -> Part | None:
    """Return the one block of features, where it is of spectrograms in dB."""
    one = plan.parts[0]
    return one if len(plan.parts) == 1 and one.extractor.name in _DECIBELS else None


def _bands(part: Part) -> int | None:
    """Return how many columns are bands; differences stand beside them."""
    return int(part.settings.n_mels) if part.extractor.name == "log-mel" else None


def _step_s(part: Part) -> float:
    return float(part.settings.step_s)
