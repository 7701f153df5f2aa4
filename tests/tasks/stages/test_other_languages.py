"""Caption files in Spanish, German and French, from a list of local files to labels, without a network.

The sentences were written for this test, 12 of each class and a third of them with a negation. No rule was chosen on
them, except that negations are not rated as words themselves.
"""

from __future__ import annotations

import csv
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("labMTsimple", reason="needs the extra `lexicons`")

from tasks.core import config, each, paths, tables
from tasks.labelling.votes.combine import labels_of
from tasks.stages import captions, crawl, polarity

SENTENCES = Path(__file__).parent.parent / "labelling" / "lexicons"
VOTERS = ["vader", "textblob", "afinn", "labmt_es", "labmt_de", "textblob_de", "labmt_fr", "textblob_fr"]
LEAST_RIGHT = {"es": 0.83, "de": 0.88, "fr": 0.85}
PER_CUE_S = 3


def rated(language: str) -> list[dict[str, str]]:
    return list(csv.DictReader((SENTENCES / f"sentences_{language}.csv").read_text(encoding="utf-8").splitlines()))


def _time(seconds: int) -> str:
    return f"00:{seconds // 60:02d}:{seconds % 60:02d}.000"


def _vtt(rows: list[dict[str, str]]) -> str:
    cues = [f"{_time(k * PER_CUE_S)} --> {_time((k + 1) * PER_CUE_S)}\n{row['text']}\n" for k, row in enumerate(rows)]
    return "WEBVTT\n\n" + "\n".join(cues)


@pytest.fixture
def run(
    project: Path, wav: Callable[..., Path], settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[dict[str, Any]]]:
    """Run crawl, captions and polarity on one local file per language; sockets are an error."""

    def refused(*_: object) -> None:
        raise AssertionError("a connection was opened")

    def run(languages: list[str], **changes: Any) -> list[dict[str, Any]]:
        media = project / "media"
        media.mkdir()
        for number, language in enumerate(languages):
            rows = rated(language)
            # different sounds: training and test videos must not be the same
            wav(PER_CUE_S * len(rows) + number, 8_000).rename(media / f"{language}.wav")
            (media / f"{language}.{language}.vtt").write_text(_vtt(rows), encoding="utf-8")
        (project / "data").mkdir()
        for split, names in (("train", languages[1:]), ("test", languages[:1])):
            files = "".join(f"{media / name}.wav\n" for name in names)
            (project / f"data/{split}.csv").write_text(f"File\n{files}")
        changed = settings.model_copy(
            update={
                "crawl": settings.crawl.model_copy(
                    update={"train": "data/train.csv", "test": "data/test.csv", "languages": languages}
                ),
                "polarity": settings.polarity.model_copy(update={"voters": VOTERS, "combine": "mean", **changes}),
            }
        )
        with monkeypatch.context() as offline:
            offline.setattr(socket.socket, "connect", refused)
            for stage in (crawl, captions, polarity):
                stage.run(changed, each=each.local(settings.runtime.model_copy(update={"workers": 1})))
        votes = tables.read(paths.VOTES, tables.VOTES).to_pylist()
        texts = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()
        by_id = {row["utterance_id"]: row for row in texts}
        return [{**by_id[row["utterance_id"]], **row} for row in votes]

    return run


def test_caption_files_in_three_languages_become_labels(run: Callable[..., list[dict[str, Any]]]) -> None:
    rows = run(["es", "de", "fr"], min_score=0.0)
    for language, least in LEAST_RIGHT.items():
        mine = [row for row in rows if row["language"] == language]
        expected = {row["text"]: row["sentiment"] for row in rated(language)}
        assert len(mine) == len(expected) == 36
        assert {name for row in mine for name, _ in row["votes"]} <= {f"labmt_{language}", f"textblob_{language}"}
        labels = labels_of(np.array([np.nan if row["score"] is None else row["score"] for row in mine]))
        right = np.mean([label == expected[row["text"]] for label, row in zip(labels, mine, strict=True)])
        assert right >= least, language
        labelled = [row for row in mine if row["sentiment"]]
        assert len(labelled) >= 18, "words that are no stop words count, so that most sentences are long enough"
        assert np.mean([row["sentiment"] == expected[row["text"]] for row in labelled]) >= least - 0.03, language


def test_stop_words_of_the_language_are_removed_and_negations_stay(run: Callable[..., list[dict[str, Any]]]) -> None:
    rows = run(["es", "de"], remove_stop_words=True, min_score=0.0)
    (row,) = [row for row in rows if row["text"].startswith("Das Essen war nicht gut")]
    assert row["score"] < 0
