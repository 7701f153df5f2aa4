"""Adaptation to a speaker without labels: vectors are shifted, or standardised, by statistics of the speaker's clips.

Training speakers are adapted by their training rows, a test speaker by a few clips drawn by a hash of their ids. Labels
are not read. The mean of few clips depends on the emotions in them, so the mean of the training speakers counts as some
more clips: the ratio of the variance inside speakers to that between them, as in empirical Bayes (Efron and Morris
1975, JASA 70). It costs nothing with mixed clips, and limits the harm of one-sided ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.config import Adapt
from tasks.evaluation.splits import Labels
from tasks.features.base.sequences import Rows
from tasks.models.base.estimator import Inputs

if TYPE_CHECKING:
    from tasks.experiments.plan import Plan

ALL, ESTIMATED = "all", "estimated"
FILE = "speakers.safetensors"
_LEAST_SPREAD = 1e-9
"""Features whose deviation is below this share of their mean's size are constant: they are not divided."""
_MOST_PRIOR_CLIPS = 1e4
"""Prior of speakers who do not differ: adapting to few clips then changes next to nothing."""

Vector = NDArray[np.float64]


def title(adapt: Adapt) -> str:
    """Return the name of the adaptation, which follows that of the protocol, such as `adapted(10)`.

    Args:
        adapt: of the recipe
    """
    return f"adapted({adapt.clips})"


def in_words(adapt: Adapt) -> str:
    """Return the adaptation as sentences for a report.

    Args:
        adapt: of the recipe
    """
    how = {
        "shift": "shifted by the mean of the speaker’s clips",
        "standardise": "standardised by mean and deviation of the speaker’s clips",
    }[adapt.by]
    if adapt.prior_clips == ESTIMATED:
        n_prior = "some more clips, estimated from how much they differ"
    else:
        n_prior = f"{adapt.prior_clips:g} more clips"
    prior = f", in which the mean of the training speakers counts as {n_prior}"
    clips = (
        "all clips of the test part"
        if adapt.clips == ALL
        else f"{adapt.clips} clips of the test part, drawn at random ({adapt.draws} draws, averaged)"
    )
    return (
        f"Vectors are {how}{prior if adapt.prior_clips else ''}: those of a training speaker by all training rows, "
        f"those of a test speaker by {clips}. Test rows’ features are used, without labels; without such clips of a "
        "new speaker, the plain score applies."
    )


def blocks(plan: Plan) -> tuple[str, ...]:
    """Return the feature sets that are adapted: the vectors of sound.

    Args:
        plan: the recipe
    """
    return tuple(
        part.name for part in plan.parts if part.extractor.gives == "vector" and part.extractor.reads == "sound"
    )


def drawn(ids: Labels, n_clips: int | str, *keys: Any) -> Rows:
    """Return the positions of drawn clips, ascending; all if there are no more; the order of the rows has no effect.

    Args:
        ids: of a speaker's clips, shape (n,)
        n_clips: number of clips, or `all`
        keys: of the draw, such as a seed and a number
    """
    if n_clips == ALL or int(n_clips) >= ids.size:
        return np.arange(ids.size)
    key = "\0".join(map(str, keys))
    chance = [hashlib.sha256(f"{key}\0{name}".encode()).digest() for name in ids.tolist()]
    return np.sort(np.array(sorted(range(ids.size), key=lambda row: chance[row])[: int(n_clips)], dtype=np.int64))


def of_speakers(speakers: Labels) -> Iterator[tuple[str, Rows]]:
    """Yield every speaker with the positions of his rows.

    Args:
        speakers: of the rows, shape (n_rows,)
    """
    for name in np.unique(speakers).tolist():
        yield name, np.flatnonzero(speakers == name)


@dataclass(frozen=True)
class Speakers:
    """The training speakers, who are the prior of a new speaker.

    Args:
        adapt: settings
        means: block → mean over the speakers' means, shape (n_features,)
        spreads: block → mean deviation inside a speaker, shape (n_features,)
        priors: block → number of clips as which they count
    """

    adapt: Adapt
    means: Mapping[str, Vector]
    spreads: Mapping[str, Vector]
    priors: Mapping[str, float]

    @classmethod
    def of(cls, adapt: Adapt, inputs: Inputs, names: Sequence[str], speakers: Labels) -> Speakers:
        """Return the training speakers.

        Args:
            adapt: settings
            inputs: rows of the training part, not scaled
            names: the blocks that are adapted
            speakers: of the rows, shape (n_rows,)
        """
        parts = [rows for _, rows in of_speakers(speakers)]
        means, spreads, priors = {}, {}, {}
        for name in names:
            block = np.asarray(inputs.vectors[name], dtype=np.float64)
            of_each = np.array([block[rows].mean(axis=0) for rows in parts])
            means[name] = of_each.mean(axis=0)
            spreads[name] = np.sqrt(np.mean([block[rows].var(axis=0) for rows in parts], axis=0))
            stated = adapt.prior_clips
            priors[name] = _prior(of_each, spreads[name], parts) if stated == ESTIMATED else float(stated)
        return cls(adapt, means, spreads, priors)

    def adapted(self, inputs: Inputs, clips: Inputs) -> Inputs:
        """Return a speaker's rows, adapted.

        Args:
            inputs: his rows, not scaled
            clips: his clips, at least one
        """
        vectors: dict[str, NDArray[np.floating]] = dict(inputs.vectors)
        for name, prior in self.means.items():
            block = np.asarray(clips.vectors[name], dtype=np.float64)
            weight = len(block) + self.priors[name]
            mean = (block.sum(axis=0) + self.priors[name] * prior) / weight
            shifted = np.asarray(inputs.vectors[name], dtype=np.float64) - mean
            if self.adapt.by == "standardise":
                squares = ((block - block.mean(axis=0)) ** 2).sum(axis=0)
                spread = np.sqrt((squares + self.priors[name] * self.spreads[name] ** 2) / weight)
                shifted /= np.where(spread <= _LEAST_SPREAD * np.abs(mean), 1.0, spread)
            vectors[name] = shifted
        return replace(inputs, vectors=vectors)

    def all_adapted(self, inputs: Inputs, speakers: Labels, clips: Mapping[str, Rows]) -> Inputs:
        """Return the rows of several speakers, each adapted by his clips.

        Args:
            inputs: the rows, not scaled
            speakers: of the rows, shape (n_rows,)
            clips: speaker → positions of his clips
        """
        vectors = dict(inputs.vectors)
        vectors |= {name: np.array(inputs.vectors[name], dtype=np.float64) for name in self.means}
        for speaker, rows in of_speakers(speakers):
            changed = self.adapted(inputs.rows(rows), inputs.rows(clips[speaker]))
            for name in self.means:
                vectors[name][rows] = changed.vectors[name]
        return replace(inputs, vectors=vectors)

    def to_bytes(self) -> bytes:
        """Return the speakers as safetensors: `BLOCK.mean`, `BLOCK.spread`, `BLOCK.prior`."""
        from safetensors.numpy import save

        arrays = {f"{name}.mean": mean for name, mean in self.means.items()}
        arrays |= {f"{name}.spread": spread for name, spread in self.spreads.items()}
        return save(arrays | {f"{name}.prior": np.array([prior]) for name, prior in self.priors.items()})

    @classmethod
    def from_bytes(cls, adapt: Adapt, content: bytes) -> Speakers:
        """Return the training speakers of a kept model.

        Args:
            adapt: settings
            content: from `to_bytes`
        """
        from safetensors.numpy import load

        arrays = load(content)
        names = sorted(name.removesuffix(".mean") for name in arrays if name.endswith(".mean"))
        means, spreads = ({name: arrays[f"{name}.{kind}"] for name in names} for kind in ("mean", "spread"))
        return cls(adapt, means, spreads, {name: float(arrays[f"{name}.prior"][0]) for name in names})


def _prior(means: Vector, spread: Vector, parts: Sequence[Rows]) -> float:
    """Return the variance of clips inside speakers over the variance of speakers, in clips.

    One number for all features of a block, since that of a single feature varies much with few speakers: the inverse of
    the mean ratio. The variance of the means of each speaker's clips is subtracted from that between them.

    Args:
        means: of the speakers, shape (n_speakers, n_features)
        spread: deviation inside speakers, shape (n_features,)
        parts: rows of each speaker
    """
    varying = spread > _LEAST_SPREAD * np.abs(means).max(axis=0)
    if len(parts) < 2 or not varying.any():
        return 0.0
    noise = np.mean([1 / rows.size for rows in parts])
    between = float((means.var(axis=0, ddof=1)[varying] / spread[varying] ** 2).mean()) - float(noise)
    return min(1 / between, _MOST_PRIOR_CLIPS) if between > 0 else _MOST_PRIOR_CLIPS


def for_training(plan: Plan, inputs: Inputs, speakers: Labels, rows: Rows) -> tuple[Inputs, Speakers]:
    """Return all rows, those of the training side adapted by their own speakers' rows; and these speakers.

    Args:
        plan: the recipe
        inputs: all rows, not scaled
        speakers: of all rows, shape (n_rows,)
        rows: training and development part; the others are returned as they are
    """
    adapt = plan.recipe.adapt
    assert adapt is not None
    names = [name for name in blocks(plan) if name in inputs.vectors]
    part, of_part = inputs.rows(rows), speakers[rows]
    trained = Speakers.of(adapt, part, names, of_part)
    changed = trained.all_adapted(part, of_part, dict(of_speakers(of_part)))
    vectors = dict(inputs.vectors)
    for name in names:
        vectors[name] = np.array(inputs.vectors[name], dtype=np.float64)
        vectors[name][rows] = changed.vectors[name]
    return replace(inputs, vectors=vectors), trained


def draws_of(adapt: Adapt, ids: Labels, speakers: Labels, seed: int) -> list[dict[str, Rows]]:
    """Return the draws of clips of a test part: speaker → positions of his clips. A single one for all clips.

    Args:
        adapt: settings
        ids: of the test rows, shape (n_rows,)
        speakers: of the test rows, shape (n_rows,)
        seed: of the fit
    """
    n_draws = 1 if adapt.clips == ALL else adapt.draws
    return [
        {name: rows[drawn(ids[rows], adapt.clips, seed, draw)] for name, rows in of_speakers(speakers)}
        for draw in range(n_draws)
    ]


def of_one_class(adapt: Adapt, ids: Labels, speakers: Labels, labels: Labels, seed: int) -> list[dict[str, Rows]]:
    """Return draws of which each speaker's clips are all of one class, to measure what such clips do.

    Unlike all else in this module, it reads labels of the test part: nothing but that measurement may use it.

    Args:
        adapt: settings
        ids: of the test rows, shape (n_rows,)
        speakers: of the test rows, shape (n_rows,)
        labels: classes of the test rows, shape (n_rows,)
        seed: of the fit
    """
    draws = []
    for draw in range(adapt.draws):
        clips = {}
        for name, rows in of_speakers(speakers):
            (number,) = drawn(np.unique(labels[rows]), 1, seed, draw, name)
            same = rows[labels[rows] == np.unique(labels[rows])[number]]
            clips[name] = same[drawn(ids[same], adapt.clips, seed, draw)]
        draws.append(clips)
    return draws
