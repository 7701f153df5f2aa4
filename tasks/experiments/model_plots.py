"""Plot data of the kept model: size, attention, augmentations, learning-rate search, video frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.core import paths, tables
from tasks.evaluation.protocols import Split
from tasks.experiments.data import Data
from tasks.experiments.fitted_model import Fitted
from tasks.experiments.plan import FeatureSet, Plan
from tasks.experiments.plot_data import Attended, Frames, Search, Shares, Varied
from tasks.features.sound import spectra
from tasks.features.video import contact_sheet
from tasks.models.training import rate_finder

MAX_ATTENDED = 3


def size(fitted: Fitted, files: Mapping[str, bytes]) -> dict[str, int]:
    """Return the bytes of a model's files, and the number of weights of all networks in it.

    Args:
        fitted: the kept model
        files: name → content
    """
    n_parameters = sum(getattr(network, "n_parameters_", 0) for network in _networks(fitted.estimator).values())
    return {"n_bytes": sum(map(len, files.values())), "n_parameters": n_parameters}


def frames(plan: Plan) -> tuple[Frames, ...]:
    """Return contact sheets of the recipe's video features.

    Args:
        plan: the recipe
    """
    corpus = plan.recipe.corpus
    sheets = {name: contact_sheet.read(paths.features(corpus, name)) for name in plan.modalities.get("video", ())}
    if not any(sheets.values()):
        return ()
    table = tables.read_corpus(paths.utterances(corpus))
    emotions = dict(zip(table["utterance_id"].to_pylist(), table["emotion"].to_pylist(), strict=True))
    return tuple(
        Frames(name, [{**row, "emotion": emotions[row["utterance_id"]]} for row in rows])
        for name, rows in sheets.items()
        if rows
    )


def shares(plan: Plan, data: Data, splits: Sequence[Split], fitted: Fitted) -> Shares | None:
    """Return the kept model's mean attention per class and block; None for a model without such attention.

    Args:
        plan: the recipe
        data: the rows
        splits: the folds
        fitted: the kept model
    """
    if plan.task != "classes" or len(plan.parts) < 2 or plan.model.name not in ("cross-modal", "cross-modal-svm"):
        return None
    tested = len(splits) == 1
    rows = splits[0].test if tested else np.arange(data.ids.size)
    blocks, attention = fitted.attended(data.inputs.rows(rows))
    classes, counts = np.unique(data.target[rows], return_counts=True)
    means = np.stack([attention[data.target[rows] == name].mean(axis=0) for name in classes])
    return Shares(blocks, tuple(classes.tolist()), tuple(counts.tolist()), means, tested)


def searched(fitted: Fitted) -> tuple[Search, ...]:
    """Return the curves of the learning-rate finder, of networks that used it.

    Args:
        fitted: the kept model
    """
    searches = []
    for block, network in _networks(fitted.estimator).items():
        curve = [entry for entry in getattr(network, "search_", ()) if "loss" in entry]
        if curve:
            rates, losses = (np.array([entry[name] for entry in curve]) for name in ("learning_rate", "loss"))
            searches.append(Search(block, rates, losses, rate_finder.proposed(curve)))
    return tuple(searches)


def _networks(estimator: Any) -> dict[str, Any]:
    """Return an estimator under the key "", and its branches by block."""
    branches = getattr(estimator, "fitted_", None)
    return {"": estimator, **(branches if isinstance(branches, Mapping) else {})}


def varied(plan: Plan, data: Data) -> Varied | None:
    """Return the first utterance under each augmentation of the recipe; None without augmentation or spectrograms.

    Args:
        plan: the recipe
        data: the rows
    """
    from tasks.models.training.augmentation import Augmentation

    settings, part = plan.settings(0), _spectrogram_part(plan)
    if part is None or getattr(settings, "augment", Augmentation()) == Augmentation():
        return None
    from tasks.models.networks.augmentation_examples import variants

    mel = settings.mel if part.extractor.name == "waveform" else None
    steps = data.inputs.sequences[part.name][0][:, : _bands(part)]
    return Varied(variants(steps, settings.augment, mel, plan.recipe.seeds[0]), (mel or part.settings).step_s)


def attended(plan: Plan, data: Data, fitted: Fitted, point: int) -> tuple[Attended, ...]:
    """Return one utterance of each of the first classes with the kept model's attention, if it has any.

    Args:
        plan: the recipe
        data: the rows
        fitted: the kept model
        point: index of its point of the grid
    """
    part = _spectrogram_part(plan)
    if part is None or plan.task != "classes" or not getattr(plan.settings(point), "attention", False):
        return ()
    classes = data.target[data.first]
    first = data.first[[int(np.argmax(classes == name)) for name in data.outputs[:MAX_ATTENDED]]]
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
            (mel or part.settings).step_s,
        )
        for k, row in enumerate(first.tolist())
    )


def _spectrogram_part(plan: Plan) -> FeatureSet | None:
    """Return the only block of features if it holds spectrograms in dB, or sound that the network turns into such."""
    part = plan.parts[0]
    return part if len(plan.parts) == 1 and part.extractor.name in ("log-mel", "waveform") else None


def _bands(part: FeatureSet) -> int | None:
    """Return the number of columns that are bands, without the columns of their differences; None: all."""
    return int(part.settings.n_mels) if part.extractor.name == "log-mel" else None
