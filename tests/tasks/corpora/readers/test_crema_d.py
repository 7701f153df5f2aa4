"""CREMA-D's repository: three containers, votes on three modalities, demographics, clips known to be bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import tables
from tasks.core.errors import InputError
from tasks.corpora.readers.crema_d import CORPUS

CLIP = "1001_IEO_ANG_MD"
HEADER = '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"\n'
# the columns up to emoVote of rows as published; 1… is the voice, 2… the face
VOTES = (
    '"100001",0,0,0,1,10,0,"1001_IEO_NEU_XX",11,0.909090909090909,"N"\n'
    '"100009",5,5,0,0,1,1,"1001_IEO_ANG_MD",12,0.416666666666667,"A:D"\n'
    '"100057",0,0,9,0,0,0,"1001_ITH_FEA_XX",9,1,"F"\n'
    '"200009",4,1,0,0,3,1,"1001_IEO_ANG_MD",9,0.444444444444444,"A"\n'
)
SUMMARY = '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "processedResults").mkdir()
    for clip in ("1001_IEO_NEU_XX", CLIP, "1001_ITH_FEA_XX"):
        for kind in ("AudioMP3/{}.mp3", "AudioWAV/{}.wav", "VideoFlash/{}.flv"):
            (tmp_path / kind.format(clip)).parent.mkdir(exist_ok=True)
            (tmp_path / kind.format(clip)).touch()
    return tmp_path


def test_the_wav_is_the_sound_and_the_film_the_picture(folder: Path) -> None:
    output = CORPUS.read(folder)
    row = next(row for row in output.rows if row["utterance_id"] == f"crema-d/{CLIP}")
    assert (row["audio"], row["video"]) == (f"AudioWAV/{CLIP}.wav", f"VideoFlash/{CLIP}.flv")
    assert len(output.rows) == 3
    assert {(reject.id[:8], reject.reason) for reject in output.rejects} == {("AudioMP3", "same utterance twice")}
    tables.conform(tables.from_rows(output.rows, CORPUS.schema), CORPUS.schema, "crema-d")


def test_a_film_alone_has_its_own_sound(tmp_path: Path) -> None:
    (tmp_path / f"{CLIP}.flv").touch()
    (row,) = CORPUS.read(tmp_path).rows
    assert row["audio"] == row["video"] == f"{CLIP}.flv"


def test_votes_for_the_voice_are_labels_and_their_share_the_weight(folder: Path) -> None:
    (folder / "processedResults" / "tabulatedVotes.csv").write_text(HEADER + VOTES)
    # the level is the perceived intensity, not the share of votes: 69.1 with 10 of 11 votes
    summary = SUMMARY + '"1","1001_IEO_NEU_XX","H","69.1","N","92.22","N","64.78"\n'
    (folder / "processedResults" / "summaryTable.csv").write_text(summary)
    by_clip = {row["utterance_id"].removeprefix("crema-d/"): row for row in CORPUS.read(folder).rows}
    assert {clip: (row["emotion"], row["intended"]) for clip, row in by_clip.items()} == {
        "1001_IEO_NEU_XX": ("neutral", "neutral"), CLIP: (None, "anger"), "1001_ITH_FEA_XX": ("fear", "fear"),
    }  # fmt: skip
    assert {row["label_source"] for row in by_clip.values()} == {"listeners"}
    assert [round(row["weight"], 3) for _, row in sorted(by_clip.items())] == [0.417, 0.909, 1.0]


def test_a_level_is_no_share(folder: Path) -> None:
    summary = SUMMARY + f'"9","{CLIP}","A:D","37.2:58.6","A","45.5","A","44.2"\n"57","1001_ITH_FEA_XX","F","53.89"\n'
    (folder / "processedResults" / "summaryTable.csv").write_text(summary)
    by_clip = {row["utterance_id"].removeprefix("crema-d/"): row for row in CORPUS.read(folder).rows}
    assert (by_clip["1001_ITH_FEA_XX"]["emotion"], by_clip["1001_ITH_FEA_XX"]["weight"]) == ("fear", 1.0)
    assert (by_clip[CLIP]["emotion"], by_clip[CLIP]["label_source"]) == (None, "listeners")


def test_only_actors_who_are_here_lack_clips(folder: Path) -> None:
    others = '"100100",0,0,0,0,9,0,"1044_IEO_NEU_XX",9,1,"N"\n"100018",0,0,0,0,3,0,"1001_TIE_HAP_XX",3,1,"N"\n'
    (folder / "processedResults" / "tabulatedVotes.csv").write_text(HEADER + VOTES + others)
    lost = [reject.id for reject in CORPUS.read(folder).rejects if reject.reason == "votes without a clip"]
    assert lost == ["1001_TIE_HAP_XX"]


def test_an_age_that_is_no_number_is_none(folder: Path) -> None:
    table = 'ActorID,Age,Sex,Race,Ethnicity\n1001,NA,Male,Caucasian,"Not Hispanic"\n'
    (folder / "VideoDemographics.csv").write_text(table)
    assert {(row["age"], row["sex"], row["ethnicity"]) for row in CORPUS.read(folder).rows} == {
        (None, "Male", "Not Hispanic")
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tabulatedVotes.csv", b"file,votes\n1001_DFA_ANG_XX,A\n", r"column '' is missing; found file, votes"),
        ("summaryTable.csv", b"clip,vote\n1001_DFA_ANG_XX,A\n", r"column 'FileName' is missing; found clip, vote"),
        ("VideoDemographics.csv", b"ActorID,Sex\n1001,\xe9\n", r"line 2 is not UTF-8"),
    ],
)
def test_a_table_that_is_something_else_is_named(folder: Path, name: str, content: bytes, message: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: {message}"):
        CORPUS.read(folder)


def test_a_vote_for_an_unknown_emotion_is_rejected_with_its_clip(folder: Path) -> None:
    (folder / "tabulatedVotes.csv").write_text(HEADER + VOTES.replace('"F"\n', '"X"\n'))
    output = CORPUS.read(folder)
    assert len(output.rows) == 2
    assert {reject.id.rpartition("/")[2] for reject in output.rejects if reject.reason == "unknown emotion code"} == {
        "1001_ITH_FEA_XX.mp3", "1001_ITH_FEA_XX.wav", "1001_ITH_FEA_XX.flv",
    }  # fmt: skip


def test_published_counts_add_up() -> None:
    expected = {count.what: count.expected for count in CORPUS.expected(()).counts}
    assert sum(n for what, n in expected.items() if "intended" in what) == expected["clips of the whole corpus"]


@pytest.mark.parametrize("name", ["1040_ITH_SAD_X.wav", "1040_ITH_SAD_XX.wav", "1040_ith_sad_x.WAV"])
@pytest.mark.parametrize("voted", ["1040_ITH_SAD_X", "1040_ITH_SAD_XX"])
def test_a_clip_with_two_names_has_its_votes_under_both(name: str, voted: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    votes = f'"100002",1,0,1,0,5,3,"{voted}",10,0.5,"N"\n'
    (tmp_path / "tabulatedVotes.csv").write_text(HEADER + votes)
    output = CORPUS.read(tmp_path)
    (row,) = output.rows
    assert row["utterance_id"] == "crema-d/1040_ITH_SAD_XX"
    assert (row["emotion"], row["label_source"], row["weight"]) == ("neutral", "listeners", 0.5)
    assert (row["intended"], row["level"], row["audio"]) == ("sadness", "unspecified", name)
    assert output.rejects == ()


def test_both_names_of_a_clip_are_copies(tmp_path: Path) -> None:
    for name in ("1040_ITH_SAD_X.wav", "1040_ITH_SAD_XX.wav"):
        (tmp_path / name).touch()
    output = CORPUS.read(tmp_path)
    assert len(output.rows) == 1
    assert [reject.reason for reject in output.rejects] == ["same utterance twice"]
