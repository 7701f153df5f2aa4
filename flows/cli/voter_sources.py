"""Sources of texts that `undertone labels learn` trains a voter on: corpora, files, and the project's ratings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.core.config import Config
    from tasks.labelling.learned.training_texts import TrainingTexts

RATINGS = "ratings"


def read(config: Config, source: str, say: Callable[[str], None]) -> TrainingTexts:
    """Return the labelled texts of a source.

    Args:
        config: params.yaml
        source: a corpus of params.yaml, `ratings`, or a file
        say: called with a line of progress

    Raises:
        InputError: if it is none of them, or has no usable text
    """
    if source in config.corpora:
        return _corpus(source)
    if source == RATINGS:
        return _ratings(config, say)
    return _file(config, source)


def _corpus(name: str) -> TrainingTexts:
    import numpy as np

    from flows.project import dag
    from tasks.core import paths, tables
    from tasks.core.errors import InputError
    from tasks.labelling.learned.training_texts import TrainingTexts

    dag.reproduce((f"corpus@{name}",))
    rows = tables.read_corpus(paths.utterances(name)).to_pylist()
    has_split = any(row["split"] == "train" for row in rows)
    kept = [row for row in rows if row["text"] and row["sentiment"] and (row["split"] == "train" or not has_split)]
    if not kept:
        raise InputError(f"corpus {name} has no training utterance with a text and a sentiment")
    return TrainingTexts(
        [row["text"] for row in kept],
        np.array([row["sentiment"] for row in kept], dtype=str),
        np.array([row["group"] or row["utterance_id"] for row in kept], dtype=str),
        f"{name}, {'training part' if has_split else 'all of it'}",
        kept[0]["licence"] or "that of the corpus",
    )


def _ratings(config: Config, say: Callable[[str], None]) -> TrainingTexts:
    from flows.runs import in_process
    from tasks.core.errors import InputError
    from tasks.labelling.learned.training_texts import TrainingTexts
    from tasks.stages import labels as labels_stage

    in_process.bring_up_to_date(("polarity",), say=say)
    _, texts, *_ = labels_stage.read(config, rows="all")
    # a voter that was trained on test videos would be tested on them
    kept = [k for k, label in enumerate(texts.gold.tolist()) if label and texts.training[k]]
    if not kept:
        raise InputError(
            "ratings: no utterance of the training videos is rated; collect ratings (undertone annotate) of training "
            "videos, or give a file of rated texts"
        )
    return TrainingTexts(
        [texts.texts[k] for k in kept],
        texts.gold[kept],
        texts.groups[kept],
        "the project's ratings, training videos",
        "that of the captions",
    )


def _file(config: Config, source: str) -> TrainingTexts:
    from tasks.core.errors import InputError
    from tasks.labelling.learned.training_texts import TrainingTexts
    from tasks.labelling.quality import rated_texts

    path = Path(source)
    if not path.is_file():
        corpora = ", ".join(config.corpora) or "none"
        raise InputError(
            f"{source} is neither a file nor a corpus of params.yaml ({corpora}), nor {RATINGS} (the project's own)"
        )
    rated = rated_texts.read([path])
    return TrainingTexts(rated.texts, rated.labels, rated.groups, path.name, f"that of {path.name}")
