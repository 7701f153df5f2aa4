"""Tables, features and results of a project: `ut.utterances()`, `ut.features(name)`, `ut.experiment(name)`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tasks.core.config import INTERVIEWS
from tasks.core.errors import InputError, one_of

if TYPE_CHECKING:
    from tasks.api.applying import AppliedModel
    from tasks.core.config import Config
    from tasks.leaks.finding import AuditReport

_INDEX = "utterance_id"


def utterances(corpus: str = INTERVIEWS, *, project: str | Path = ".") -> pd.DataFrame:
    """Return the utterances of a corpus of a project.

    Args:
        corpus: its name in params.yaml; by default, the interviews
        project: folder of the project

    Returns:
        one row per utterance, by `utterance_id`, with the columns of the utterance table (docs/api.md)

    Raises:
        ConfigError: if params.yaml has no such corpus
        InputError: if the folder is no project, or the corpus was not read yet
        TableError: if the table is damaged
    """
    from tasks.core import paths, tables

    one_of(corpus, _config(project).corpora, "params.yaml: there is no corpus")
    path = _demand(Path(project) / paths.utterances(corpus), f"undertone run corpus@{corpus}")
    table: pd.DataFrame = tables.read_corpus(path).to_pandas()
    return table.set_index(_INDEX)


def features(name: str, *, project: str | Path = ".") -> pd.DataFrame:
    """Return a feature set of a project.

    Args:
        name: its name under `features` in params.yaml, such as `interviews-mid-term`
        project: folder of the project

    Returns:
        of vectors: one row per utterance, by `utterance_id`; of sequences: one row per step, by `utterance_id` and
        `step`; of texts: the column `text`. Columns have the features' names, or numbers. `attrs["card"]` describes the
        features: extractor, settings, versions

    Raises:
        ConfigError: if params.yaml has no such features
        InputError: if the folder is no project, or the features were not extracted yet
        TableError: if a file is damaged
    """
    import numpy as np

    from tasks.core import paths
    from tasks.features.base import store

    config = _config(project)
    one_of(name, config.features, "params.yaml: there are no features")
    folder = Path(project) / paths.features(config.features[name].corpus, name)
    _demand(folder / "card.json", f"undertone run extract@{name}")
    stored = store.read(folder)
    ids = pd.Index(stored.ids, name=_INDEX)
    rows = np.arange(len(ids))
    columns = stored.card.get("names")
    if stored.card["gives"] == "text":
        table = pd.DataFrame({"text": stored.texts(rows)}, index=ids)
    elif stored.card["gives"] == "vector":
        table = pd.DataFrame(stored.vectors(rows), index=ids, columns=columns)
    else:
        sequences = stored.sequences(rows)
        steps = np.concatenate([np.arange(length) for length in sequences.lengths] or [np.empty(0, dtype=np.int64)])
        index = pd.MultiIndex.from_arrays([ids.repeat(sequences.lengths), steps], names=[_INDEX, "step"])
        values = [sequences[int(row)] for row in rows]
        table = pd.DataFrame(np.concatenate(values) if values else None, index=index, columns=columns)
    table.attrs["card"] = dict(stored.card)
    return table


class ExperimentResults:
    """The results of an experiment: predictions, scores, audit, trained model.

    Args:
        name: of the experiment
        folder: of its results
        project: folder of the project

    Attributes:
        name: of the experiment
    """

    def __init__(self, name: str, folder: Path, project: Path) -> None:
        self.name, self._folder, self._project = name, folder, project

    def __repr__(self) -> str:
        return f"<experiment {self.name} in {self._project}>"

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Test rows of every variant (the recipe, its baselines), by `utterance_id`.

        Columns: `variant`, `run`, `fold`, `group`, `actual`, `predicted` (of classes), and a score per output.
        """
        from tasks.core import artifacts

        with artifacts.parquet(self._folder / "predictions.parquet") as file:
            table: pd.DataFrame = file.read().to_pandas()
        return table.set_index(_INDEX)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Scores with intervals, of the recipe and its baselines, as in results.json."""
        return self._json("results.json")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The recipe's scores: `value`, `low` and `high` (bounds of the interval), by measure."""
        rows = {
            name: entry
            for name, entry in self.metrics["scores"].items()
            if isinstance(entry, dict) and "value" in entry
        }
        return pd.DataFrame.from_dict(rows, orient="index")[["value", "low", "high"]].rename_axis("measure")

    @cached_property
    def audit(self) -> AuditReport:
        """The audit of its folds: `passed`, and `findings` with severity, counts and examples."""
        from tasks.leaks.finding import AuditReport

        return AuditReport.from_dict(self._json("audit.json"))

    @cached_property
    def model(self) -> AppliedModel:
        """The trained model, to apply to new media or features."""
        from tasks.api.applying import load_model

        return load_model(self.name, project=self._project)

    def _json(self, name: str) -> dict[str, Any]:
        from tasks.core import artifacts

        content: dict[str, Any] = artifacts.read_json(self._folder / name)
        return content


def experiment(name: str, *, project: str | Path = ".") -> ExperimentResults:
    """Return the results of an experiment of a project.

    Args:
        name: of the experiment
        project: folder of the project

    Raises:
        ConfigError: if params.yaml has no such experiment
        InputError: if the folder is no project, or the experiment was not run yet
    """
    from tasks.core import paths

    one_of(name, _config(project).experiments, "params.yaml: there is no experiment")
    folder = Path(project) / paths.experiment(name)
    _demand(folder / "results.json", f"undertone experiment run {name}")
    return ExperimentResults(name, folder, Path(project))


def _config(project: str | Path) -> Config:
    from tasks.core import config, paths

    path = Path(project) / paths.PARAMS
    if not path.is_file():
        raise InputError(
            f"{Path(project).absolute()} is no project: it has no {paths.PARAMS}. Name its folder: project=FOLDER; or "
            "make one: undertone new FOLDER"
        )
    return config.load(path)


def _demand(path: Path, command: str) -> Path:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file yet; in the project's folder, run: {command}")
    return path
