"""Price of a leak: score one recipe under an honest protocol and under random folds.

The recipe is the weak path's: pyAudioAnalysis's mid-term features, standardised, and a linear SVM whose C is chosen
inside the training part under the same protocol.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import paths, tables
from tasks.core.config import Acoustic, Config, Train
from tasks.core.each import Each, Work, collect
from tasks.core.errors import AudioError, InputError, NotEnoughData
from tasks.core.results import Reject, Result
from tasks.corpora.labels import LABEL_SETS
from tasks.evaluation import protocols, scores
from tasks.evaluation.protocols import Columns, Protocol
from tasks.evaluation.splits import Labels
from tasks.experiments.weak_path import recipe
from tasks.features.mid_term.mid_term import NAMES, AnalysisWindows, mid_terms
from tasks.media import decode
from tasks.media.corpus_files import media_files, sound_check
from tasks.media.corpus_files.media_files import MediaFile
from tasks.models.svm import weak_svm
from tasks.stages.acoustic import SCHEMA, VECTORS, feature_columns, vectors_result

N_SHUFFLES = 3
_GUESSES = pa.schema([("utterance_id", pa.string()), ("predicted", pa.string())])


@dataclass(frozen=True)
class FoldOf:
    """One fold of a protocol over the rows of a feature table, with real or shuffled labels."""

    table: str
    rows: str
    corpus: str
    label_set: str
    protocol: str
    fold: int
    shuffle: int = 0

    @property
    def id(self) -> str:
        """Name for messages and logs."""
        shuffled = f", labels shuffled ({self.shuffle})" if self.shuffle else ""
        return f"{self.corpus}, {self.protocol}, fold {self.fold + 1}{shuffled}"

    @property
    def content(self) -> str:
        """Cache key: the digest of the rows, and the split."""
        return f"{self.rows} {self.label_set} {self.protocol} {self.fold} {self.shuffle}"


@dataclass(frozen=True)
class ScoreInterval:
    """A score and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ProtocolScores:
    """Scores under one protocol."""

    protocol: str
    words: str
    uar: ScoreInterval
    macro_f1: ScoreInterval
    shuffled_uar: float


@dataclass(frozen=True)
class Price:
    """Scores under an honest and a leaky protocol, and their difference.

    Args:
        corpus: its name
        simulated: whether the corpus is simulated
        classes: names of the classes
        n: utterances scored under both protocols
        n_groups: resampled speakers or, if some are unknown, groups
        confidence: of the intervals
        honest: scores under the honest protocol
        leaky: scores under random folds
        majority_uar: UAR of always predicting the commonest class
        uar: leaky minus honest, with the interval of a paired bootstrap over groups
        macro_f1: the same for macro F1
    """

    corpus: str
    simulated: bool
    classes: tuple[str, ...]
    n: int
    n_groups: int
    confidence: float
    honest: ProtocolScores
    leaky: ProtocolScores
    majority_uar: float
    uar: ScoreInterval
    macro_f1: ScoreInterval

    def to_dict(self) -> dict[str, Any]:
        """Return the values for JSON."""
        return asdict(self)


def describe_one(item: MediaFile, settings: Acoustic) -> Result:
    """Extract the features of every utterance in one media file.

    Args:
        item: the file and its utterances
        settings: section `acoustic` of params.yaml

    Returns:
        rows of schema `VECTORS`, and rejects
    """
    try:
        samples = decode.samples(item.whole_path)
    except AudioError as error:
        return Result(VECTORS.empty_table(), (Reject(item.path, "no features", str(error)),))
    spans, parts = zip(*sound_check.utterance_samples(item, samples), strict=True)
    features = mid_terms(parts, decode.RATE_HZ, AnalysisWindows(**settings.model_dump()))
    return vectors_result([span.utterance_id for span in spans], features)


def fold_one(item: FoldOf, settings: Train) -> Result:
    """Fit on one fold's training part, and predict its test part.

    Args:
        item: the fold
        settings: section `train` of params.yaml

    Returns:
        id and predicted class of every test row
    """
    rows = _FeatureRows.read(item)
    protocol = protocols.parse(item.protocol)
    split = protocol.folds(rows.columns, rows.labels, settings.seed)[item.fold]
    labels = rows.labels
    if item.shuffle:
        labels = np.random.default_rng([settings.seed, item.shuffle]).permutation(labels)
    unit = rows.columns[protocol.unit[0] if protocol.unit else "utterance_id"]
    training = split.train
    examples = weak_svm.Examples.alike(rows.features[training], labels[training])
    choice = weak_svm.choose_c(examples, unit[training], recipe.of(settings))
    model = weak_svm.fit(examples, choice.c, recipe.of(settings))
    predicted = model.predict(rows.features[split.test]).astype(str)
    columns = {"utterance_id": rows.columns["utterance_id"][split.test].tolist(), "predicted": predicted.tolist()}
    return Result(pa.table(columns, schema=_GUESSES))


def price(name: str, config: Config, protocol: str, *, each: Each, label_set: str = "all") -> Price:
    """Run one recipe under a protocol and under the same number of random folds.

    Args:
        name: of a corpus that the stage `corpus` has read
        config: all settings
        protocol: the honest one
        each: maps files and folds
        label_set: one of `LABEL_SETS`

    Raises:
        InputError: if the protocol is leaky itself, or the label set is unknown
        NotEnoughData: if the corpus is too small for the protocol
    """
    honest = protocols.parse(protocol)
    if honest.leaky:
        raise InputError("found a leaky protocol; expected an honest one, which is then compared with random folds")
    if label_set not in LABEL_SETS:
        raise InputError(f"found the label set {label_set!r}; expected one of {', '.join(LABEL_SETS)}")
    item = _features(name, config, label_set, each)
    rows = _FeatureRows.read(item)
    n_folds = len(honest.folds(rows.columns, rows.labels, config.train.seed))
    leaky = protocols.parse(f"random({max(2, n_folds)})")
    sides = (honest, leaky)
    guesses = _guesses(item, sides, rows, config, each)
    scored = np.logical_and.reduce([guesses[side.name][0] != "" for side in sides])
    return _price(name, config, rows, scored, [(side, guesses[side.name]) for side in sides])


class _FeatureRows:
    """The utterances with features and a class, sorted by id."""

    def __init__(self, columns: Columns, labels: Labels, features: NDArray[np.float64]) -> None:
        self.columns, self.labels, self.features = columns, labels, features

    @classmethod
    def read(cls, item: FoldOf) -> _FeatureRows:
        """Read the table that `_features` wrote."""
        features = tables.read(Path(item.table), SCHEMA).sort_by("utterance_id")
        utterances = {row["utterance_id"]: row for row in _utterances(item.corpus)}
        classes = LABEL_SETS[item.label_set]
        rows = [utterances[name] for name in features["utterance_id"].to_pylist()]
        kept = [number for number, row in enumerate(rows) if row["emotion"] in classes]
        rows = [rows[number] for number in kept]
        columns = protocols.columns_of({column: [row[column] for row in rows] for column in protocols.NEEDED})
        matrix = np.column_stack([features[column].to_numpy() for column in NAMES])[kept]
        return cls(columns, np.array([classes[row["emotion"]] for row in rows], dtype=str), matrix)

    @property
    def resampled(self) -> Labels:
        """The bootstrap unit of each row: its speaker or, if some are unknown, its group."""
        speaker = self.columns["speaker"]
        return self.columns["group"] if (speaker == "").any() else speaker


def _features(name: str, config: Config, label_set: str, each: Each) -> FoldOf:
    digests = {row["audio"]: row["sha256"] for row in _sounds(name)}
    items = media_files.files(_utterances(name), "audio", digests, config.corpora[name])
    work = Work("price", describe_one, config.acoustic, VECTORS)
    features = feature_columns(collect(each(work, items), VECTORS).rows.sort_by("utterance_id"))
    if not features.num_rows:
        raise NotEnoughData(f"corpus {name} has no usable sound")
    target = paths.folder(f"price@{name}") / "features.parquet"
    tables.write(features, target, SCHEMA)
    digest = hashlib.sha256(target.read_bytes() + paths.utterances(name).read_bytes()).hexdigest()
    return FoldOf(str(target), digest, name, label_set, "", 0)


def _guesses(
    item: FoldOf, sides: Sequence[Protocol], rows: _FeatureRows, config: Config, each: Each
) -> dict[str, list[Labels]]:
    """Return each protocol's predictions of all rows, "" for rows not tested: with real, then with shuffled labels."""
    folds = [
        replace(item, protocol=protocol.name, fold=fold, shuffle=shuffle)
        for protocol in sides
        for shuffle in range(N_SHUFFLES + 1)
        for fold in range(len(protocol.folds(rows.columns, rows.labels, config.train.seed)))
    ]
    row_of = {name: number for number, name in enumerate(rows.columns["utterance_id"].tolist())}
    guesses = {side.name: [np.full(len(row_of), "", dtype=object) for _ in range(N_SHUFFLES + 1)] for side in sides}
    work = Work("price", fold_one, config.train, _GUESSES)
    for fold, outcome in zip(folds, each(work, folds), strict=True):
        for row in outcome.result().rows.to_pylist():
            guesses[fold.protocol][fold.shuffle][row_of[row["utterance_id"]]] = row["predicted"]
    return {name: [labels.astype(str) for labels in columns] for name, columns in guesses.items()}


def _price(
    name: str,
    config: Config,
    rows: _FeatureRows,
    scored: NDArray[np.bool_],
    sides: Sequence[tuple[Protocol, list[Labels]]],
) -> Price:
    classes = tuple(sorted(np.unique(rows.labels).tolist()))
    actual, groups = rows.labels[scored], rows.resampled[scored]
    settings = config.evaluate
    names = np.unique(groups)
    rng = np.random.default_rng(settings.seed)
    weights = rng.multinomial(names.size, np.full(names.size, 1 / names.size), settings.bootstrap).astype(float)
    both: list[ProtocolScores] = []
    resampled: list[dict[str, NDArray[np.float64]]] = []
    for protocol, (predicted, *shuffled) in sides:
        matrices = scores.confusions(actual, predicted[scored], groups, classes)
        values = scores.overall(matrices.sum(axis=0))
        spread = scores.overall(np.einsum("bg,gij->bij", weights, matrices))
        resampled.append({**spread, "point": np.array([values["uar"], values["macro_f1"]])})
        by_chance = [
            scores.overall(scores.confusions(actual, labels[scored], groups, classes).sum(axis=0))
            for labels in shuffled
        ]
        both.append(
            ProtocolScores(
                protocol.name,
                protocol.in_words(),
                _interval(values["uar"], spread["uar"], settings.confidence),
                _interval(values["macro_f1"], spread["macro_f1"], settings.confidence),
                float(np.mean([shuffle["uar"] for shuffle in by_chance])),
            )
        )
    gain = {key: resampled[1][key] - resampled[0][key] for key in ("uar", "macro_f1", "point")}
    return Price(
        corpus=name,
        simulated=(Path(config.corpora[name].path) / paths.SIMULATED).is_file(),
        classes=classes,
        n=int(scored.sum()),
        n_groups=int(names.size),
        confidence=settings.confidence,
        honest=both[0],
        leaky=both[1],
        majority_uar=1 / len(classes),
        uar=_interval(gain["point"][0], gain["uar"], settings.confidence),
        macro_f1=_interval(gain["point"][1], gain["macro_f1"], settings.confidence),
    )


def _interval(value: Any, spread: NDArray[np.float64], confidence: float) -> ScoreInterval:
    tails = (1 - confidence) / 2
    low, high = np.quantile(spread, [tails, 1 - tails])
    return ScoreInterval(float(value), float(low), float(high))


def _utterances(name: str) -> list[dict[str, Any]]:
    # only the columns that all corpora share
    table = tables.read_corpus(paths.utterances(name)).select(tables.UTTERANCES.names)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _sounds(name: str) -> list[dict[str, Any]]:
    table = tables.read(paths.sounds(name), tables.SOUNDS).select(["audio", "sha256"])
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
