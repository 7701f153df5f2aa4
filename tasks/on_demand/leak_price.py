"""The price of a leak: one recipe under an honest protocol and under random folds, side by side.

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
    """One fold of a protocol over the rows of a table of features, with its labels or with shuffled ones."""

    table: str
    rows: str
    corpus: str
    label_set: str
    protocol: str
    fold: int
    shuffle: int = 0

    @property
    def id(self) -> str:
        """A readable name."""
        shuffled = f", labels shuffled ({self.shuffle})" if self.shuffle else ""
        return f"{self.corpus}, {self.protocol}, fold {self.fold + 1}{shuffled}"

    @property
    def content(self) -> str:
        """The digest of the rows, and the cut through them."""
        return f"{self.rows} {self.label_set} {self.protocol} {self.fold} {self.shuffle}"


@dataclass(frozen=True)
class Figure:
    """A score and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Side:
    """One protocol's figures."""

    protocol: str
    words: str
    uar: Figure
    macro_f1: Figure
    shuffled_uar: float


@dataclass(frozen=True)
class Price:
    """What a leak is worth: both sides, and how much better the leaky one looks.

    Args:
        n: utterances scored under both protocols
        n_groups: what is resampled: speakers where they are known, else groups
        majority_uar: what always answering the commonest class gives
        uar: leaky minus honest, with the interval of a paired bootstrap over groups
    """

    corpus: str
    simulated: bool
    classes: tuple[str, ...]
    n: int
    n_groups: int
    confidence: float
    honest: Side
    leaky: Side
    majority_uar: float
    uar: Figure
    macro_f1: Figure

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can have it."""
        return asdict(self)


def describe_one(item: MediaFile, settings: Acoustic) -> Result:
    """Extract the features of every utterance in one media file."""
    try:
        samples = decode.samples(item.whole_path)
    except AudioError as error:
        return Result(VECTORS.empty_table(), (Reject(item.path, "no features", str(error)),))
    spans, parts = zip(*sound_check.utterance_samples(item, samples), strict=True)
    found = mid_terms(parts, decode.RATE_HZ, AnalysisWindows(**settings.model_dump()))
    return vectors_result([span.utterance_id for span in spans], found)


def fold_one(item: FoldOf, settings: Train) -> Result:
    """Fit on one fold's training part, and predict its test part."""
    rows = _Rows.read(item)
    protocol = protocols.parse(item.protocol)
    split = protocol.folds(rows.columns, rows.labels, settings.seed)[item.fold]
    labels = rows.labels
    if item.shuffle:
        labels = np.random.default_rng([settings.seed, item.shuffle]).permutation(labels)
    unit = rows.columns[protocol.unit[0] if protocol.unit else "utterance_id"]
    how = recipe.of(settings)
    inside = split.train
    given = weak_svm.Examples.alike(rows.features[inside], labels[inside])
    choice = weak_svm.choose_c(given, unit[inside], how)
    model = weak_svm.fit(given, choice.c, how)
    predicted = model.predict(rows.features[split.test]).astype(str)
    found = {"utterance_id": rows.columns["utterance_id"][split.test].tolist(), "predicted": predicted.tolist()}
    return Result(pa.table(found, schema=_GUESSES))


def price(name: str, config: Config, protocol: str, *, each: Each, label_set: str = "all") -> Price:
    """Run one recipe under a protocol and under as many random folds.

    Args:
        name: a corpus that the stage `corpus` has read
        config: all settings
        protocol: the honest one
        each: maps files and folds
        label_set: which classes, one of `LABEL_SETS`

    Raises:
        InputError: if the protocol is leaky itself, or there is no such set of classes
        NotEnoughData: if the corpus cannot bear the protocol
    """
    honest = protocols.parse(protocol)
    if honest.leaky:
        raise InputError("random folds are the leak: name the honest protocol to compare them with")
    if label_set not in LABEL_SETS:
        raise InputError(f"there is no set of classes {label_set!r}; there are {', '.join(LABEL_SETS)}")
    item = _features(name, config, label_set, each)
    rows = _Rows.read(item)
    n_folds = len(honest.folds(rows.columns, rows.labels, config.train.seed))
    leaky = protocols.parse(f"random({max(2, n_folds)})")
    sides = (honest, leaky)
    guesses = _guesses(item, sides, rows, config, each)
    scored = np.logical_and.reduce([guesses[one.name][0] != "" for one in sides])
    return _price(name, config, rows, scored, [(one, guesses[one.name]) for one in sides])


class _Rows:
    """The utterances that have features and a class, sorted by id."""

    def __init__(self, columns: Columns, labels: Labels, features: NDArray[np.float64]) -> None:
        self.columns, self.labels, self.features = columns, labels, features

    @classmethod
    def read(cls, item: FoldOf) -> _Rows:
        """Read them from where `_features` has put them."""
        features = tables.read(Path(item.table), SCHEMA).sort_by("utterance_id")
        known = {row["utterance_id"]: row for row in _utterances(item.corpus)}
        classes = LABEL_SETS[item.label_set]
        kept = [row for row, one in enumerate(features["utterance_id"].to_pylist()) if known[one]["emotion"] in classes]
        ids = np.array(features["utterance_id"].to_pylist(), dtype=object)[kept].tolist()
        rows = [known[one] for one in ids]
        columns = protocols.columns_of({column: [row[column] for row in rows] for column in protocols.NEEDED})
        matrix = np.column_stack([features[column].to_numpy() for column in NAMES])[kept]
        return cls(columns, np.array([classes[row["emotion"]] for row in rows], dtype=str), matrix)

    @property
    def resampled(self) -> Labels:
        """What a bootstrap resamples: speakers where they are known, else groups."""
        speaker = self.columns["speaker"]
        return self.columns["group"] if (speaker == "").any() else speaker


def _features(name: str, config: Config, label_set: str, each: Each) -> FoldOf:
    folder = Path(config.corpora[name].path)
    digests = {row["audio"]: row["sha256"] for row in _sounds(name)}
    items = media_files.files(_utterances(name), "audio", digests, folder)
    work = Work("price", describe_one, config.acoustic, VECTORS)
    found = feature_columns(collect(each(work, items), VECTORS).rows.sort_by("utterance_id"))
    if not found.num_rows:
        raise NotEnoughData(f"corpus {name} has no sound to take features of")
    target = paths.folder(f"price@{name}") / "features.parquet"
    tables.write(found, target, SCHEMA)
    digest = hashlib.sha256(target.read_bytes() + paths.utterances(name).read_bytes()).hexdigest()
    return FoldOf(str(target), digest, name, label_set, "", 0)


def _guesses(
    item: FoldOf, sides: Sequence[Protocol], rows: _Rows, config: Config, each: Each
) -> dict[str, list[Labels]]:
    """Return what was predicted for every row under each protocol, "" where nothing was; then with shuffled labels."""
    folds = [
        replace(item, protocol=protocol.name, fold=fold, shuffle=shuffle)
        for protocol in sides
        for shuffle in range(N_SHUFFLES + 1)
        for fold in range(len(protocol.folds(rows.columns, rows.labels, config.train.seed)))
    ]
    place = {one: row for row, one in enumerate(rows.columns["utterance_id"].tolist())}
    found = {one.name: [np.full(len(place), "", dtype=object) for _ in range(N_SHUFFLES + 1)] for one in sides}
    work = Work("price", fold_one, config.train, _GUESSES)
    for fold, outcome in zip(folds, each(work, folds), strict=True):
        for row in outcome.result().rows.to_pylist():
            found[fold.protocol][fold.shuffle][place[row["utterance_id"]]] = row["predicted"]
    return {name: [one.astype(str) for one in made] for name, made in found.items()}


def _price(
    name: str,
    config: Config,
    rows: _Rows,
    scored: NDArray[np.bool_],
    sides: Sequence[tuple[Protocol, list[Labels]]],
) -> Price:
    classes = tuple(sorted(np.unique(rows.labels).tolist()))
    actual, groups = rows.labels[scored], rows.resampled[scored]
    settings = config.evaluate
    names = np.unique(groups)
    rng = np.random.default_rng(settings.seed)
    weights = rng.multinomial(names.size, np.full(names.size, 1 / names.size), settings.bootstrap).astype(float)
    found: list[Side] = []
    resampled: list[dict[str, NDArray[np.float64]]] = []
    for protocol, (predicted, *shuffled) in sides:
        matrices = scores.confusions(actual, predicted[scored], groups, classes)
        values = scores.overall(matrices.sum(axis=0))
        spread = scores.overall(np.einsum("bg,gij->bij", weights, matrices))
        resampled.append({**spread, "point": np.array([values["uar"], values["macro_f1"]])})
        # a shuffled side is scored where it predicted: every label is as good as another
        by_chance = [
            scores.overall(scores.confusions(actual, one[scored], groups, classes).sum(axis=0)) for one in shuffled
        ]
        found.append(
            Side(
                protocol.name,
                protocol.in_words(),
                _figure(values["uar"], spread["uar"], settings.confidence),
                _figure(values["macro_f1"], spread["macro_f1"], settings.confidence),
                float(np.mean([one["uar"] for one in by_chance])),
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
        honest=found[0],
        leaky=found[1],
        majority_uar=1 / len(classes),
        uar=_figure(gain["point"][0], gain["uar"], settings.confidence),
        macro_f1=_figure(gain["point"][1], gain["macro_f1"], settings.confidence),
    )


def _figure(value: Any, spread: NDArray[np.float64], confidence: float) -> Figure:
    tails = (1 - confidence) / 2
    low, high = np.quantile(spread, [tails, 1 - tails])
    return Figure(float(value), float(low), float(high))


def _utterances(name: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    # the columns all corpora share; what a corpus adds is none of this module's business
    table = pq.read_table(paths.utterances(name), columns=tables.UTTERANCES.names)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _sounds(name: str) -> list[dict[str, Any]]:
    table = tables.read(paths.sounds(name), tables.SOUNDS).select(["audio", "sha256"])
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
