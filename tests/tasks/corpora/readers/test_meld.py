"""MELD: clips as sound or film in folders of other names, and files of the corpora published with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core.errors import InputError
from tasks.corpora.readers import reading
from tasks.corpora.readers.meld import CORPUS

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"


def write_tables(folder: Path, *splits: str) -> None:
    """Write a table with two utterances of dialogue 0 for each split."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in splits:
        lines = [f"{turn},Text {turn},Ann,joy,positive,0,{turn},1,1,,\n" for turn in range(2)]
        (folder / f"{split}_sent_emo.csv").write_text(HEADER + "".join(lines))


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def media(folder: Path) -> dict[str, tuple[str | None, str | None]]:
    rows = CORPUS.read(folder).rows
    return {row["utterance_id"].removeprefix("meld/"): (row["audio"], row["video"]) for row in rows if row["audio"]}


@pytest.mark.parametrize(
    ("train", "dev", "test"),
    [
        ("train_splits_wav", "dev_splits_wav", "test_splits_wav"),
        ("train_splits", "dev_splits_complete", "output_repeated_splits_test"),
        ("train_splits_wav", "dev_splits_complete_wav", "output_repeated_splits_test_wav"),
        (
            "MELD.Raw/train/train_splits",
            "MELD.Raw/dev/dev_splits_complete",
            "MELD.Raw/test/output_repeated_splits_test",
        ),
        ("audio/train", "audio/validation", "audio/test"),
        ("TRAIN-wavs", "Dev", "Testset"),
        ("meld_test/train", "meld_test/dev", "meld_test/test"),
    ],
)
@pytest.mark.parametrize("suffix", [".wav", ".mp4", ".flac"])
def test_clips_in_the_folders_that_copies_have(train: str, dev: str, test: str, suffix: str, tmp_path: Path) -> None:
    write_tables(tmp_path, "train", "dev", "test")
    for folder in (train, dev, test):
        touch(tmp_path, f"{folder}/dia0_utt0{suffix}", f"{folder}/dia0_utt1{suffix}")
    output = CORPUS.read(tmp_path)
    assert {row["utterance_id"]: row["audio"] for row in output.rows} == {
        f"meld/{split}-dia0-utt{turn}": f"{folder}/dia0_utt{turn}{suffix}"
        for split, folder in (("train", train), ("dev", dev), ("test", test))
        for turn in range(2)
    }
    assert {row["video"] == row["audio"] for row in output.rows} == {suffix == ".mp4"}
    assert output.rejects == ()


def test_sound_beside_films_is_the_sound(tmp_path: Path) -> None:
    write_tables(tmp_path, "train")
    touch(tmp_path, "train_splits/dia0_utt0.mp4", "train_splits/dia0_utt0.wav", "train_splits/dia0_utt1.mp4",
          "train_splits_wav/dia0_utt1.wav", "mp3/train/dia0_utt1.mp3")  # fmt: skip
    assert media(tmp_path) == {
        "train-dia0-utt0": ("train_splits/dia0_utt0.wav", "train_splits/dia0_utt0.mp4"),
        "train-dia0-utt1": ("train_splits_wav/dia0_utt1.wav", "train_splits/dia0_utt1.mp4"),
    }
    (copy,) = CORPUS.read(tmp_path).rejects
    assert (copy.id, copy.reason) == ("mp3/train/dia0_utt1.mp3", reading.COPY)


def test_the_published_folder_is_preferred_to_a_copy(tmp_path: Path) -> None:
    write_tables(tmp_path, "train")
    touch(tmp_path, "a_copy_of_train/dia0_utt0.mp4", "train_splits/dia0_utt0.mp4", "train_splits/dia7_utt7.mp4")
    assert media(tmp_path) == {"train-dia0-utt0": ("train_splits/dia0_utt0.mp4",) * 2}
    assert {reject.id: reject.reason for reject in CORPUS.read(tmp_path).rejects} == {
        "a_copy_of_train/dia0_utt0.mp4": reading.COPY,
        "train_splits/dia7_utt7.mp4": "no row names it",
    }


def test_a_folder_that_names_no_split(tmp_path: Path) -> None:
    write_tables(tmp_path / "one", "dev")
    write_tables(tmp_path / "two", "dev", "test")
    for folder in ("one", "two"):
        touch(tmp_path / folder, "clips/dia0_utt0.wav", "clips/dev_dia0_utt1.wav")
    assert sorted(media(tmp_path / "one")) == ["dev-dia0-utt0", "dev-dia0-utt1"]
    # dialogue numbers restart in each split: which utterance dia0_utt0 is cannot be told
    assert sorted(media(tmp_path / "two")) == ["dev-dia0-utt1"]


def test_numbers_that_are_none_cost_their_row_or_their_value(tmp_path: Path) -> None:
    lines = [
        "0,Text,Ann,joy,positive,0,0,²,١,00:00:01,00:00:02\n",
        f'1,Text,Ann,joy,positive,0,1,1,1,"{"9" * 5000}:00:01,000","00:00:02,000"\n',
        f"2,Text,Ann,joy,positive,{'9' * 5000},2,1,1,,\n",
        "3,Text,Ann,joy,positive,0,٣,1,1,,\n",
    ]
    (tmp_path / "dev_sent_emo.csv").write_text(HEADER + "".join(lines), encoding="utf-8")
    output = CORPUS.read(tmp_path)
    assert [(row["turn"], row["recording"], row["recording_start_s"]) for row in output.rows] == [
        (0, None, None), (1, "s01e01", None),
    ]  # fmt: skip
    assert [(reject.id, reject.reason) for reject in output.rejects] == [
        ("dev_sent_emo.csv:4", "no number"), ("dev_sent_emo.csv:5", "no number"),
    ]  # fmt: skip
    assert all(len(reject.detail) < 200 for reject in output.rejects)


def test_an_open_quotation_mark_swallows_no_rows(tmp_path: Path) -> None:
    write_tables(tmp_path, "dev")
    path = tmp_path / "dev_sent_emo.csv"
    path.write_text(path.read_text().replace("Text 0", '"Text 0'))
    with pytest.raises(InputError, match=r"dev_sent_emo\.csv: line 2: .* a quotation mark is opened and never closed"):
        CORPUS.read(tmp_path)


def test_the_corpora_published_with_it_are_left_out(tmp_path: Path) -> None:
    write_tables(tmp_path / "data" / "MELD", "train")
    touch(tmp_path, "data/MELD_Dyadic/train_sent_emo_dya.csv", "data/emorynlp/emorynlp_train_final.csv",
          "emorynlp_train_splits/sea1_ep2_sc3_utt4.mp4", "EmotionLines/friends_train.json")  # fmt: skip
    output = CORPUS.read(tmp_path)
    assert len(output.rows) == 2
    assert {reject.id: reject.reason for reject in output.rejects} == dict.fromkeys(
        ["data/MELD_Dyadic/train_sent_emo_dya.csv", "data/emorynlp/emorynlp_train_final.csv",
         "emorynlp_train_splits/sea1_ep2_sc3_utt4.mp4", "EmotionLines/friends_train.json"],
        reading.OTHER_CORPUS,
    )  # fmt: skip
    (tmp_path / "data" / "MELD" / "train_sent_emo.csv").unlink()
    with pytest.raises(
        InputError, match=r"no train_sent_emo.csv, .*; EmotionLines/friends_train.json is of EmotionLines"
    ):
        CORPUS.read(tmp_path)
