"""Trained models on new media: `ut.apply(model, source)`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.core.errors import InputError

if TYPE_CHECKING:
    from tasks.experiments.kept_model import KeptModel
    from tasks.on_demand.applying.export import Opened
    from tasks.on_demand.applying.utterances import Cutting


class AppliedModel:
    """A trained model of an experiment, or an exported one.

    Args:
        opened: model and settings, from `load_model`

    Attributes:
        name: of the experiment that it was trained in
        outputs: what its scores are of: classes, labels or values
        feature_sets: names of the features that it reads
        card: how it was trained: corpus, protocol, score with interval, recipe, settings
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.name: str = opened.model.card.experiment
        self.outputs: tuple[str, ...] = opened.model.outputs
        self.feature_sets: tuple[str, ...] = tuple(part.name for part in opened.model.parts)
        self.card: dict[str, Any] = opened.model.card.model_dump(mode="json")

    def __repr__(self) -> str:
        return f"<model {self.name}: {', '.join(self.feature_sets)} to {', '.join(self.outputs)}>"

    def apply(self, source: str | Path, *, captions: str | Path | None = None, by: Cutting = "auto") -> pd.DataFrame:
        """Return the scored utterances of a medium.

        Args:
            source: a media file, or an http(s) URL
            captions: its captions; None: those beside the file or on the page, if the model or `by` needs some
            by: utterances: `captions`, `windows`, `file`; `auto`: captions, else windows

        Returns:
            one row per utterance: `start_s`, `end_s`, `predicted`, `probability` (of the likeliest class), `unsure`,
            the probability or score of each output, `novelty`, `outside` (farther from the training rows than 99 % of
            them), `text`. `attrs["warnings"]` lists doubts, `attrs["left_out"]` (utterance, reason)

        Raises:
            InputError: if the medium or its captions cannot be used
            NotEnoughData: if no utterance can be scored
        """
        from tasks.on_demand.applying import doubts, formats, run

        model, config = self._opened.model, self._opened.config
        with tempfile.TemporaryDirectory(prefix="undertone-") as folder:
            choices = run.Choices(Path(folder), (), None if captions is None else Path(captions), by)
            applied = run.apply_one(model, str(source), choices, config, lambda _: None)
        table = pd.DataFrame([formats.flat(row) for row in applied.rows])
        table.attrs["warnings"] = [*doubts.of_model(model, config), *applied.warnings]
        table.attrs["left_out"] = [(reject.id, reject.reason) for reject in applied.rejects]
        return table

    def scores(self, features: pd.DataFrame | Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Return the scores of rows whose features are known; for models of vectors.

        Args:
            features: of one feature set, as `ut.features(name)` returns them; of several: name → features, with the
                same index

        Returns:
            one column for each of `outputs`, with the index of the features

        Raises:
            InputError: if a feature set is missing, or does not consist of vectors
        """
        model = self._opened.model
        given = {self.feature_sets[0]: features} if isinstance(features, pd.DataFrame) else dict(features)
        if missing := [name for name in self.feature_sets if name not in given]:
            raise InputError(f"{self.name} reads {', '.join(self.feature_sets)}; {', '.join(missing)} is missing")
        index = given[self.feature_sets[0]].index
        return pd.DataFrame(model.scores(self._inputs(model, given, len(index))), index=index, columns=self.outputs)

    def predict(self, features: pd.DataFrame | Mapping[str, pd.DataFrame]) -> pd.Series:
        """Return the predicted class, or value, of rows whose features are known; for models of vectors.

        Args:
            features: as in `scores`

        Raises:
            InputError: as `scores`; or the model predicts several labels or values: use `scores`
        """
        from tasks.evaluation.scores import kind_of

        scores = self.scores(features)
        kind = kind_of(self._opened.model.card.task, len(self.outputs))
        if kind == "classes":
            return scores.idxmax(axis=1).rename("predicted")
        if kind == "values":
            return scores.iloc[:, 0].rename("predicted")
        raise InputError(f"{self.name} predicts several {self._opened.model.card.task}; use scores")

    def _inputs(self, model: KeptModel, given: Mapping[str, pd.DataFrame], n_rows: int) -> Any:
        from tasks.models.base.estimator import Inputs

        blocks = {}
        for part in model.parts:
            if part.extractor.gives != "vector" or model.recipe.missing == "kept":
                raise InputError(f"{self.name} reads more than vectors; use apply(SOURCE)")
            block = np.asarray(given[part.name], dtype=np.float32)
            if len(block) != n_rows:
                raise InputError(
                    f"{part.name}: found {len(block)} rows, expected {n_rows} as in {self.feature_sets[0]}"
                )
            blocks[part.name] = block
        return Inputs(np.full(n_rows, ""), vectors=blocks)


def load_model(model: str | Path, *, project: str | Path = ".") -> AppliedModel:
    """Load a trained model and verify its files.

    Args:
        model: name of an experiment of the project, or a folder that `undertone model export` wrote
        project: folder of the project

    Raises:
        InputError: if there is no such model, or a pretrained model that it needs is missing or another one
        TableError: if a file is missing or damaged
    """
    from tasks.api.shipped import shipped_settings
    from tasks.core import config, paths
    from tasks.experiments.kept_model import CARD
    from tasks.on_demand.applying import export

    place = Path(project)
    folders = (Path(model), place / paths.experiment(str(model)) / "model")
    folder = next((folder for folder in folders if (folder / CARD).is_file()), None)
    if folder is None:
        raise InputError(
            f"{model}: there is no trained model of this name in {place.absolute()}, and no exported folder. Train it: "
            f"undertone experiment run {model}"
        )
    params = place / paths.PARAMS
    return AppliedModel(export.open_model(folder, config.load(params) if params.is_file() else shipped_settings()))


def apply(
    model: str | Path | AppliedModel,
    source: str | Path,
    *,
    captions: str | Path | None = None,
    by: Cutting = "auto",
    project: str | Path = ".",
) -> pd.DataFrame:
    """Apply a trained model to a medium.

    Args:
        model: name of an experiment of the project, an exported folder, or a loaded model
        source: a media file, or an http(s) URL
        captions: its captions; None: those beside the file or on the page, if there are some
        by: utterances: `captions`, `windows`, `file`; `auto`: captions, else windows
        project: folder of the project

    Returns:
        one row per utterance, as `AppliedModel.apply`

    Raises:
        InputError: if the model, the medium or its captions cannot be used
        NotEnoughData: if no utterance can be scored
    """
    loaded = model if isinstance(model, AppliedModel) else load_model(model, project=project)
    return loaded.apply(source, captions=captions, by=by)
