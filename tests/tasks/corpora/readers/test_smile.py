"""SMILE: tweets with one emotion, several or none, damaged rows, and a pool with other corpora of text."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tasks.core import config, each, paths, tables
from tasks.core.errors import InputError
from tasks.corpora import intake
from tasks.corpora.readers import registry
from tasks.corpora.readers.reading import ReaderOutput
from tasks.corpora.readers.smile import CORPUS
from tasks.on_demand import simulated_corpora
from tasks.stages import corpus

NAME = "smile-annotations-final.csv"
TWEETS = (
    '611857364396965889,"@aandraous @britishmuseum Merci pour le partage!",nocode\n'
    '614484565059596288,"Dorian Gray with Rainbow Scarf #LoveWins\nhttp://t.co/OAzjOLcUUh",happy\n'
    '614746522043973632,"@MuseumMaria I said ""no"", twice",sad|disgust|angry\n'
    '614877582664835073,"DORIAN Gray with rainbow scarf #LoveWins\nhttp://t.co/OAzjOLcUUh",surprise\n'
    "611932373039644672,@KB_Events not about us,not-relevant\n"
)


def read(folder: Path, text: str) -> ReaderOutput:
    (folder / NAME).write_text(text, encoding="utf-8")
    return CORPUS.read(folder)


def test_one_emotion_several_and_none(tmp_path: Path) -> None:
    output = read(tmp_path, TWEETS)
    assert output.rejects == ()
    assert [(row["native_label"], row["emotion"]) for row in output.rows] == [
        ("nocode", None), ("happy", "happiness"), ("sad|disgust|angry", None), ("surprise", "surprise"),
        ("not-relevant", None),
    ]  # fmt: skip
    intensities = [
        [row[f"{name}_intensity"] for name in ("happiness", "sadness", "anger", "surprise", "disgust")]
        for row in output.rows
    ]
    assert intensities == [[None] * 5, [1, 0, 0, 0, 0], [0, 1, 1, 0, 1], [0, 0, 0, 1, 0], [None] * 5]
    assert output.rows[2]["text"] == '@MuseumMaria I said "no", twice'


def test_tweets_with_the_same_text_are_one_group(tmp_path: Path) -> None:
    groups = {row["utterance_id"]: row["group"] for row in read(tmp_path, TWEETS).rows}
    assert groups["smile/614877582664835073"] == groups["smile/614484565059596288"] == "smile/614484565059596288"
    assert len(set(groups.values())) == 4


def test_rows_that_cannot_be_used(tmp_path: Path) -> None:
    output = read(
        tmp_path,
        "id,text,label\n1,a,happy\n1,b,sad\n2,c,joyful\n3,d,happy|nocode\n4,,sad\n5,e, f,sad\n٣,g,sad\n6,h,happy\n",
    )
    assert [row["text"] for row in output.rows] == ["a", "h"]
    assert [(reject.id, reject.reason) for reject in output.rejects] == [
        (f"{NAME}:1", "no number"), (f"{NAME}:4", "unknown emotion code"), (f"{NAME}:5", "unknown emotion code"),
        (f"{NAME}:6", "empty row"), (f"{NAME}:7", "ragged row"), (f"{NAME}:8", "no number"),
        ("smile/1", "same utterance twice"),
    ]  # fmt: skip


def test_a_folder_without_the_table_or_with_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no {NAME} in it or below"):
        CORPUS.read(tmp_path)
    (tmp_path / NAME).write_bytes("1,größer,happy\n".encode("latin-1"))
    with pytest.raises(InputError, match="line 1 is not UTF-8"):
        CORPUS.read(tmp_path)


def test_published_counts(tmp_path: Path) -> None:
    counts = {count.what: count.actual for count in CORPUS.expected(read(tmp_path, TWEETS).rows).counts}
    assert counts["tweets"] == 5
    assert counts["tweets with the label happy"] == counts["tweets with the label not-relevant"] == 1
    assert counts["tweets with several labels"] == 1
    published = [count.expected for count in CORPUS.expected(()).counts]
    assert published[0] == sum(published[1:]) == 3085


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool") / "texts"
    for name in ("mosei", "iemocap", "smile"):
        simulated_corpora.make(name, folder / name)
    return folder


def test_the_simulated_tweets_have_a_known_distribution(texts: Path) -> None:
    rows = CORPUS.read(texts / "smile").rows
    assert Counter(row["emotion"] for row in rows) == {
        "happiness": 5, "sadness": 4, "anger": 4, "surprise": 4, "disgust": 4, None: 7,
    }  # fmt: skip
    assert len({row["group"] for row in rows}) == 27


def test_a_pool_with_mosei_and_iemocap(texts: Path, project: Path) -> None:
    assert intake.add("tweets", texts / "smile").reader == "smile"
    intake.add("texts", texts, "pool")
    settings = config.load(paths.PARAMS)
    runtime = settings.runtime.model_copy(update={"workers": 1, "progress": "never"})
    for name in ("tweets", "texts"):
        corpus.run(settings, name, each=each.local(runtime))
    table = tables.read_corpus(paths.utterances("texts"))
    assert set(registry.corpus("mosei").extra.names) <= set(table.column_names)
    by_corpus = Counter(table["corpus"].to_pylist())
    assert by_corpus == {"mosei": 18, "iemocap": 105, "smile": 28}
    of_tweets = [row for row in table.to_pylist() if row["corpus"] == "smile"]
    assert all(row["text"] and row["audio"] is None for row in of_tweets)
    assert json.loads(paths.reading("tweets").read_text())["n_with_sound"] == 0
