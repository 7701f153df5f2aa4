"""Training of a voter: inputs, nested cross-validation over groups, the final head, and the card."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import distribution, tables
from tasks.core.errors import InputError
from tasks.evaluation import scores
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.features.base import sentence_encoder, sentence_files
from tasks.features.base.sentence_files import SentenceFiles
from tasks.labelling.base import registry, voter_kinds
from tasks.labelling.learned import fine_tuning, head, renderings, selection, text_inputs, training_texts, voter_files
from tasks.labelling.learned.head import Head, Probabilities
from tasks.labelling.learned.selection import FrozenTrainer, HeadRows, HeldOut, Say, Trainer
from tasks.labelling.learned.text_inputs import TextInputs
from tasks.labelling.learned.training_texts import TrainingRows, TrainingTexts
from tasks.labelling.votes import combine
from tasks.text.words import ENGLISH
from tasks.weights.conversion.text_encoder import Precision

FORMAT = 2
LEXICONS = ("vader", "textblob", "afinn")
"""English lexicons whose scores are inputs unless others are chosen."""
Renderings = tuple[list[str], ...]
_LEAST_PROBABILITY = 1e-12
_PACKAGES = (distribution.NAME, "numpy", "scikit-learn", "onnxruntime", "tokenizers")


@dataclass(frozen=True)
class VoterRecipe:
    """Recipe of a voter.

    Args:
        encoder: name of a sentence encoder or path of its folder, as `sentence_files.name_of` takes it
        precision: of the encoder
        lexicons: names of shipped voters whose scores are inputs; None: the three English ones if English is among the
            languages, else none
        languages: primary subtags of the languages that the voter votes on
        domain: kind of texts that the voter is for; "": texts like those of its sources
        reads_sentence: whether it also reads the complete sentence that a text was cut from
        fine_tune: whether the encoder is trained, too, by PyTorch; the voter then has an encoder of its own
    """

    encoder: str = sentence_files.MINILM
    precision: Precision = "int8"
    lexicons: tuple[str, ...] | None = None
    languages: tuple[str, ...] = (ENGLISH,)
    domain: str = ""
    reads_sentence: bool = False
    fine_tune: bool = False

    @property
    def used_lexicons(self) -> tuple[str, ...]:
        """Names of the lexicons whose scores are inputs."""
        if self.lexicons is not None:
            return self.lexicons
        return LEXICONS if ENGLISH in self.languages else ()


def learn(
    name: str, sources: Sequence[TrainingTexts], folder: Path, *, recipe: VoterRecipe, bootstrap: Bootstrap, say: Say
) -> dict[str, Any]:
    """Train a voter, write it to its folder and return its card.

    Args:
        name: its name in params.yaml
        sources: labelled texts of one source or several
        folder: the voter's folder
        recipe: encoder, lexicons and languages
        bootstrap: settings of the scores' intervals, over groups
        say: called with a line of progress

    Raises:
        NotEnoughData: if a class is missing or occurs in a single group
        InputError: if the encoder is not on this machine, or a lexicon is not a shipped voter
    """
    if unknown := sorted(set(recipe.used_lexicons) - set(voter_kinds.shipped())):
        raise InputError(
            f"lexicon {', '.join(unknown)}: not a shipped voter; expected some of {', '.join(voter_kinds.shipped())}"
        )
    rows = training_texts.joined(sources)
    texts = renderings.rendered(rows.texts, recipe.languages[0])
    with tempfile.TemporaryDirectory() as place:
        trained = _trained(rows, texts, recipe, bootstrap.seed, folder=Path(place), say=say)
        lexicon = next(iter(recipe.used_lexicons), None)
        comparison = _Comparison(rows, texts, trained.trainer, lexicon, bootstrap)
        fields = {
            "format": FORMAT,
            "name": name,
            "domain": recipe.domain or f"texts like those of {', '.join(source.source for source in sources)}",
            "languages": list(recipe.languages),
            "context": recipe.reads_sentence,
            "licence": ", ".join(dict.fromkeys(source.licence for source in sources)),
            "model": "multinomial logistic regression on means of token states and lexicons' scores; each text in "
            f"{len(texts)} renderings: {'; '.join(renderings.NAMES)}",
            "encoder": trained.encoder,
            "lexicons": list(recipe.used_lexicons),
            "trained_on": ", ".join(source.source for source in sources),
            "sources": [source.described() for source in sources],
            "n_texts": len(rows.texts),
            "chosen": trained.chosen,
            "held_out": comparison.held_out(trained.held_out),
            "across_sources": comparison.across_sources(say),
            "versions": {package: version(package) for package in _PACKAGES},
        }
        own = trained.files if recipe.fine_tune else None
        voter_files.write(folder, fields, trained.head, chain.from_iterable(texts), own)
    return voter_files.card(folder)


@dataclass(frozen=True)
class _Trained:
    """A voter that was trained on all texts, and its probabilities of held-out texts."""

    head: Head
    files: SentenceFiles
    encoder: dict[str, Any]
    chosen: dict[str, Any]
    trainer: Trainer
    held_out: HeldOut


def _trained(
    rows: TrainingRows, texts: Renderings, recipe: VoterRecipe, seed: int, *, folder: Path, say: Say
) -> _Trained:
    if recipe.fine_tune:
        return _fine_tuned(rows, texts, recipe, seed, folder=folder, say=say)
    files = sentence_files.find(recipe.encoder, recipe.precision)
    encoder = sentence_encoder.load(files)
    inputs = TextInputs(encoder, text_inputs.default_layers(encoder.n_layers), recipe.used_lexicons)
    say(f"encoding {len(rows.texts):,} texts in {len(texts)} renderings")
    head_rows = HeadRows(tuple(inputs.of(rendering) for rendering in texts), rows.labels, rows.groups)
    trainer = FrozenTrainer(head_rows, seed)
    held_out = selection.held_out(trainer, rows.labels, rows.groups, seed, say)
    say("fitting the voter to all texts")
    best = selection.chosen(head_rows, seed)
    chosen = {
        "penalty": best.penalty,
        "temperature": best.temperature,
        "by": "log loss in 3 folds over groups of all texts",
    }
    described = _described(sentence_files.name_of(recipe.encoder), recipe, files, inputs)
    return _Trained(best.head, files, described, chosen, trainer, held_out)


def _fine_tuned(
    rows: TrainingRows, texts: Renderings, recipe: VoterRecipe, seed: int, *, folder: Path, say: Say
) -> _Trained:
    trainer = fine_tuning.TunedTrainer(
        recipe.encoder, recipe.precision, recipe.used_lexicons, texts, rows.labels, rows.groups, seed, say
    )
    held_out = selection.held_out(trainer, rows.labels, rows.groups, seed, say)
    logits = np.log(np.maximum(np.concatenate(held_out.renderings), _LEAST_PROBABILITY))
    temperature = head.best_temperature(logits, np.tile(rows.labels, len(texts)))
    calibrated = tuple(np.split(head.softmax(logits / temperature), len(texts)))
    files, inputs, fitted = trainer.final(folder)
    chosen = {
        "penalty": fine_tuning.PENALTY,
        "temperature": temperature,
        "by": "temperature: log loss of the held-out texts; nothing else was chosen",
    }
    described = _described(voter_files.OWN, recipe, files, inputs)
    described["tuned_from"] = sentence_files.name_of(recipe.encoder)
    tuned = HeldOut(calibrated, held_out.n_folds)
    return _Trained(fitted.calibrated(temperature), files, described, chosen, trainer, tuned)


def _described(name: str, recipe: VoterRecipe, files: SentenceFiles, inputs: TextInputs) -> dict[str, Any]:
    return {"name": name, "precision": recipe.precision, "sha256": files.sha256, "layers": list(inputs.layers)}


@dataclass(frozen=True)
class _Comparison:
    """Scores of a voter beside those of a lexicon on the same texts."""

    rows: TrainingRows
    texts: Renderings
    trainer: Trainer
    lexicon: str | None
    bootstrap: Bootstrap

    def held_out(self, held_out: HeldOut) -> dict[str, Any]:
        """Return the scores of nested cross-validation."""
        everything = np.ones(len(self.rows.texts), dtype=bool)
        return {
            "protocol": f"{held_out.n_folds} folds over groups; settings chosen within each training part",
            **self._scores(everything, held_out.renderings),
        }

    def across_sources(self, say: Say) -> list[dict[str, Any]]:
        """Return scores on each source of a voter that was trained on the others, where these have every class."""
        entries = []
        for source in dict.fromkeys(self.rows.sources.tolist()):
            test = self.rows.sources == source
            if np.unique(self.rows.labels[~test]).size < len(tables.SENTIMENTS):
                continue
            say(f"training on the other sources, testing on {source}")
            reached = self.trainer.held_out(np.flatnonzero(~test), np.flatnonzero(test))
            entries.append({"tested_on": source, **self._scores(test, reached)})
        return entries

    def _scores(self, at: NDArray[np.bool_], reached: Sequence[Probabilities]) -> dict[str, Any]:
        """Return the scores on the texts as written, and macro F1 on each rendering beside the lexicon's."""
        labels, groups = self.rows.labels[at], self.rows.groups[at]
        matrices = [scores.confusions(labels, _labels(part), groups, tables.SENTIMENTS) for part in reached]
        return {
            **scores.summary(matrices[0], tables.SENTIMENTS, self.bootstrap),
            "calibration_error": head.calibration_error(reached[0], labels),
            "renderings": [
                {
                    "texts": name,
                    "macro_f1": scores.intervals(mine[None], self.bootstrap)["macro_f1"],
                    "lexicon": self._beside_lexicon(
                        mine, [text for text, taken in zip(texts, at, strict=True) if taken], at
                    ),
                }
                for name, mine, texts in zip(renderings.NAMES, matrices, self.texts, strict=True)
            ],
        }

    def _beside_lexicon(
        self, mine: scores.Matrices, texts: Sequence[str], at: NDArray[np.bool_]
    ) -> dict[str, Any] | None:
        """Return the lexicon's macro F1 on the same texts, and the gain over it; None without a lexicon."""
        if self.lexicon is None:
            return None
        signs = combine.or_neutral(combine.labels_of(registry.load(self.lexicon).cast(texts).polarities))
        other = scores.confusions(self.rows.labels[at], signs, self.rows.groups[at], tables.SENTIMENTS)
        return {
            "name": self.lexicon,
            "macro_f1": float(scores.overall(other.sum(axis=0))["macro_f1"]),
            "gain": scores.intervals(mine[None], self.bootstrap, other=other[None])["macro_f1"],
        }


def _labels(probabilities: Probabilities) -> Labels:
    predicted: Labels = np.array(tables.SENTIMENTS)[probabilities.argmax(axis=1)]
    return predicted
