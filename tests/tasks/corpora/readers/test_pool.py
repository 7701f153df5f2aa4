"""Several corpora in one table, and the protocol that tests on one of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.core import config, each, paths, tables
from tasks.core.config import Corpus, Experiment, Extraction
from tasks.core.errors import InputError
from tasks.corpora import intake
from tasks.corpora.readers import registry
from tasks.on_demand import simulated_corpora
from tasks.stages import corpus, experiment, extract


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool") / "acted"
    for name in ("tess", "emodb"):
        simulated_corpora.make(name, folder / name)
    (folder / "notes").mkdir()
    return folder


def test_every_corpus_is_read_in_its_own_layout(acted: Path) -> None:
    output = registry.corpus("pool").read(acted)
    alone = [registry.corpus(name).read(acted / name) for name in ("emodb", "tess")]
    assert len(output.rows) == sum(len(part.rows) for part in alone)
    assert {row["corpus"] for row in output.rows} == {"tess", "emodb"}
    assert all((acted / row["audio"]).is_file() for row in output.rows)
    assert [(reject.id, reject.reason) for reject in output.rejects if reject.id == "notes"] == [
        ("notes", "no reader's name")
    ]


def test_a_folder_without_corpora(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    with pytest.raises(InputError, match=r"expected folders named after readers .*, found music"):
        registry.corpus("pool").read(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        registry.corpus("pool").read(tmp_path / "nowhere")


def test_learn_from_one_and_test_on_the_other(acted: Path, project: Path) -> None:
    added = intake.add("acted", acted, "pool")
    settings = config.load(paths.PARAMS)
    assert settings.corpora["acted"] == Corpus(reader="pool", path=str(added.path))
    runtime = settings.runtime.model_copy(update={"workers": 1, "progress": "never"})
    recipe = {
        "corpus": "acted", "target": "emotion", "labels": "ekman", "features": ["acted-voice"],
        "model": {"name": "logistic"}, "protocol": "corpus-out", "tune": {"grid": {"c": [0.01, 1.0]}, "folds": 2},
    }  # fmt: skip
    settings = settings.model_copy(
        update={
            "features": {"acted-voice": Extraction(corpus="acted", extractor="mid-term")},
            "experiments": {"cross": Experiment.model_validate(recipe)},
        }
    )
    corpus.run(settings, "acted", each=each.local(runtime))
    extract.run(settings, "acted-voice", each=each.local(runtime))
    experiment.run(settings, "cross", each=each.local(runtime))
    metrics = json.loads((paths.experiment("cross") / "results.json").read_text())
    assert [fold["fold"] for fold in metrics["folds"]] == ["corpus emodb", "corpus tess"]
    assert metrics["averaging"] == "per fold"
    rows = tables.read_corpus(paths.utterances("acted")).to_pylist()
    n_tess = sum(row["corpus"] == "tess" for row in rows if row["emotion"] not in ("calm", "boredom"))
    assert metrics["folds"][0]["n_train"] == n_tess
