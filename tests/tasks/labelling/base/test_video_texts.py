"""Items of the stage polarity: slices of one table, which are pickled and digested alone."""

from __future__ import annotations

import pickle

import pyarrow as pa

from tasks.labelling.base import video_texts
from tasks.labelling.base.video_texts import VideoTexts
from tasks.labelling.base.voter_kinds import VoterNeeds


def items(*groups: tuple[str, int], context: bool = False) -> list[VideoTexts]:
    """Items of videos with so many utterances."""
    rows = [
        {"utterance_id": f"weak/{group}/{k:04d}", "group": group, "language": "en", "text": f"{group} says {k}",
         "start_s": float(k), "end_s": k + 1.0, "speaker": None}
        for group, n in groups for k in range(n)
    ]  # fmt: skip
    schema = pa.schema(
        [("utterance_id", pa.string()), ("group", pa.string()), ("language", pa.string()), ("text", pa.string()),
         ("start_s", pa.float64()), ("end_s", pa.float64()), ("speaker", pa.string())]
    )  # fmt: skip
    return video_texts.items(pa.Table.from_pylist(rows, schema), {}, VoterNeeds(context=context))


def test_there_is_an_item_per_video_in_the_order_of_the_table() -> None:
    made = items(("a", 2), ("b", 1), ("c", 3))
    assert [(item.id, item.ids) for item in made] == [
        ("a", ["weak/a/0000", "weak/a/0001"]),
        ("b", ["weak/b/0000"]),
        ("c", ["weak/c/0000", "weak/c/0001", "weak/c/0002"]),
    ]
    assert [given.text for given in made[2].inputs()] == ["c says 0", "c says 1", "c says 2"]
    assert items() == []


def test_an_item_is_pickled_without_the_table_that_it_is_a_slice_of() -> None:
    for context in (False, True):
        item = items(("a", 5_000), ("b", 3), context=context)[1]
        pickled = pickle.dumps(item)
        assert len(pickled) < 5_000
        again: VideoTexts = pickle.loads(pickled)
        assert again.content == item.content
        assert again.inputs() == item.inputs()


def test_the_content_does_not_depend_on_the_other_videos() -> None:
    alone, beside = items(("b", 3)), items(("a", 7), ("b", 3))
    assert alone[0].content == beside[1].content != beside[0].content


def test_the_content_depends_on_where_texts_end() -> None:
    schema = pa.schema([("utterance_id", pa.string()), ("text", pa.string())])
    contents = {
        VideoTexts("a", pa.RecordBatch.from_pylist([{"utterance_id": str(k), "text": t} for k, t in enumerate(texts)],
                                                   schema=schema)).content
        for texts in (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None])
    }  # fmt: skip
    assert len(contents) == 4
