"""The real RAVDESS and TESS clips: their counts are the published ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tasks.corpora.readers import ravdess, tess
from tasks.corpora.readers.reading import CorpusReader, Expected, ReaderOutput


def _read(corpus: CorpusReader, folder: Path) -> tuple[ReaderOutput, Expected]:
    output = corpus.read(folder)
    assert output.rejects == ()
    return output, corpus.expected(output.rows)


def _differing(expected: Expected) -> dict[str, tuple[int, int]]:
    return {count.what: (count.expected, count.actual) for count in expected.counts if count.expected != count.actual}


def test_ravdess_lacks_six_actors_and_nothing_else(real_data: Path) -> None:
    output, expected = _read(ravdess.CORPUS, real_data / "ravdess")
    assert expected.missing == ()
    assert _differing(expected) == {"speech: actors of the whole corpus": (24, 18)}
    cells = Counter((row["speaker"], row["emotion"]) for row in output.rows)
    assert len(cells) == 18 * 8
    assert {n for (_, emotion), n in cells.items() if emotion == "neutral"} == {4}
    assert {n for (_, emotion), n in cells.items() if emotion != "neutral"} == {8}
    assert Counter(row["sex"] for row in output.rows) == {"male": 540, "female": 540}


def test_tess_lacks_three_of_four_words_and_nothing_else(real_data: Path) -> None:
    output, expected = _read(tess.CORPUS, real_data / "tess")
    assert expected.missing == ()
    assert _differing(expected) == {"words of the whole corpus": (200, 50)}
    cells = Counter((row["speaker"], row["emotion"]) for row in output.rows)
    assert len(cells) == 2 * 7
    assert set(cells.values()) == {50}
