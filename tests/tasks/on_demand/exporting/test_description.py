"""The card of interviews and of predictions: sources, losses, labels, limits; their sound is that of the segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.core import each, paths
from tasks.core.config import Config
from tasks.media.segments import reader
from tasks.on_demand.exporting import export
from tasks.on_demand.exporting.selection import ExportRequest
from tasks.stages import corpus, interviews, segments
from tests.tasks.on_demand.exporting.conftest import Toy
from tests.tasks.on_demand.exporting.formats.test_csv_table import read


@pytest.fixture
def crawled(captioned: Callable[..., None], settings: Config) -> Iterator[Config]:
    """A project with two interviews of three segments, read as a corpus."""
    captioned(1, 1, per_video=3)
    alone = each.local(settings.runtime.model_copy(update={"workers": 1}))
    segments.run(settings, each=alone)
    interviews.run(settings, each=alone)
    corpus.run(settings, "interviews", each=alone)
    return settings


def test_interviews(crawled: Config, tmp_path: Path) -> None:
    export.export(
        "csv", ExportRequest("interviews"), tmp_path / "out", crawled, encoding=None, progress=lambda *_: None
    )
    rows = read(tmp_path / "out")
    cut = {row["utterance_id"]: row["samples_sha256"] for row in reader.sounds().to_pylist()}
    assert {name: row["samples"] for name, row in rows.items()} == cut
    assert {row["label"] for row in rows.values()} == {"negative", "neutral", "positive"}
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| train-0 |  | http://example.org/train-0 | not stated | 3 |" in text
    assert "The report's funnel could not be read" in text
    assert "Labels of interviews are derived from the text by lexicons" in text
    assert "The quality of the labels was not measured: undertone run labels." in text
    assert "Speakers are not known: the same person may be in several parts." in text


def test_predictions_are_described_with_their_protocol_and_baselines(
    toy: Toy, predicted: Callable[..., None], tmp_path: Path
) -> None:
    predicted()
    toy.export("csv", tmp_path / "out", name="guess")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# Predictions of guess on A corpus of your own\n")
    assert "Protocol of the experiment: random(2). LEAKY: random. The scores are too high." in text
    assert "Scores of the experiment (4 test utterances): uar 0.500 (0.250 to 0.750)." in text
    assert "Scores of the baseline majority: uar 0.250." in text
    assert "Exported are the utterances that the experiment tested." in text


def test_a_reader_names_the_known_problems(toy: Toy, tmp_path: Path) -> None:
    from tasks.on_demand.exporting import description

    assert description._known_problems("tess").startswith("TESS: names come in mixed case;")
    assert paths.reading("toy").is_file()
