"""CMU-MOSEI: segments as clips in several layouts, and tables of other things beside the labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core.errors import InputError
from tasks.corpora.readers import reading
from tasks.corpora.readers.mosei import CORPUS

LABELS = (
    "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode\n"
    "-abc5yACwYn,2,I said it.,-1.0,,,,Negative,train\n"
    "-abc5yACwYn,10,I said more.,1.0,,,,Positive,train\n"
    "0_FJk5Qj_3,3,I said that.,0.0,,,,Neutral,test\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "label.csv").write_text(LABELS)
    return tmp_path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def media(folder: Path) -> dict[str, tuple[str | None, str | None]]:
    return {
        row["utterance_id"].removeprefix("mosei/"): (row["audio"], row["video"]) for row in CORPUS.read(folder).rows
    }


@pytest.mark.parametrize(
    "layout",
    ["Raw/{video}/{n}.{suffix}", "Raw/{video}/000{n}.{suffix}", "{video}_{n}.{suffix}", "a/{video}[{n}].{suffix}"],
)
@pytest.mark.parametrize("suffix", ["wav", "mp4"])
def test_clips_of_segments(layout: str, suffix: str, folder: Path) -> None:
    keys = [("-abc5yACwYn", 2), ("-abc5yACwYn", 10), ("0_FJk5Qj_3", 3)]
    places = [layout.format(video=video, n=number, suffix=suffix) for video, number in keys]
    touch(folder, *places)
    films = places if suffix == "mp4" else [None] * 3
    assert media(folder) == {
        f"{reading.slug(video)}-{number}": (place, film)
        for (video, number), place, film in zip(keys, places, films, strict=True)
    }
    assert CORPUS.read(folder).rejects == ()


def test_sound_beside_films_and_a_copy(folder: Path) -> None:
    touch(folder, "Raw/-abc5yACwYn/2.mp4", "Raw/-abc5yACwYn/2.wav", "Raw/0_FJk5Qj_3/3.mp3", "wav/0_FJk5Qj_3_3.wav")
    assert media(folder) == {
        "-abc5yACwYn-2": ("Raw/-abc5yACwYn/2.wav", "Raw/-abc5yACwYn/2.mp4"),
        "-abc5yACwYn-10": (None, None),
        "0_FJk5Qj_3-3": ("wav/0_FJk5Qj_3_3.wav", None),
    }
    (copy,) = CORPUS.read(folder).rejects
    assert (copy.id, copy.reason) == ("Raw/0_FJk5Qj_3/3.mp3", reading.COPY)


@pytest.mark.parametrize("number", ["²", "1e999", "9" * 5000, "99999999999", "nan", "1.5"])
def test_segments_have_whole_numbers(folder: Path, number: str) -> None:
    (folder / "label.csv").write_text(f"video_id,clip_id,label\na,{number},1\na,2.0,1\nb,3,²\n", encoding="utf-8")
    output = CORPUS.read(folder)
    assert [row["turn"] for row in output.rows] == [2]
    assert [(reject.id, reject.reason) for reject in output.rejects] == [
        ("label.csv:2", "no number"), ("label.csv:4", "no number"),
    ]  # fmt: skip


def test_tables_of_other_things_are_passed_over(folder: Path) -> None:
    (folder / "a-notes.csv").write_bytes("Bemerkung,Größe\n".encode("latin-1"))
    (folder / "b-notes.csv").write_text("x," + "y" * 200_000)
    assert len(CORPUS.read(folder).rows) == 3
    (folder / "label.csv").write_bytes(LABELS.replace("more", "größer").encode("latin-1"))
    with pytest.raises(InputError, match=r"label\.csv: line 3 is not UTF-8"):
        CORPUS.read(folder)
