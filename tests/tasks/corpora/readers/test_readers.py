"""Each reader on its simulated sample, on real file names, and on damage that occurs in real copies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tasks.core import tables
from tasks.core.errors import InputError
from tasks.corpora import labels
from tasks.corpora.readers import registry
from tasks.corpora.readers.reading import ReaderOutput
from tasks.on_demand import simulated_corpora as simulated


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    for name in registry.names():
        simulated.make(name, folder / name)
    return folder


def read(name: str, folder: Path) -> ReaderOutput:
    return registry.corpus(name).read(folder)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("name", registry.names())
def test_a_simulated_corpus_is_read_whole(name: str, made: Path) -> None:
    corpus, output = registry.corpus(name), read(name, made / name)
    sample = corpus.sample
    assert sample is not None
    assert len(output.rows) == sample.n_utterances
    assert output.rejects == ()
    table = tables.conform(tables.from_rows(output.rows, corpus.schema), corpus.schema, name)
    row = next(row for row in table.to_pylist() if row["utterance_id"] == sample.golden["utterance_id"])
    assert {key: row[key] for key in sample.golden} == sample.golden
    assert {row["emotion"] for row in table.to_pylist()} - {None} <= set(labels.EMOTIONS)
    assert corpus.expected(output.rows).missing == ()


@pytest.mark.parametrize("name", [name for name in registry.names() if registry.corpus(name).offers is not None])
def test_offered_columns_are_filled_and_all_filled_ones_are_offered(name: str, made: Path) -> None:
    corpus = registry.corpus(name)
    assert corpus.sample is not None
    assert corpus.offers is not None
    labelled = [row for row in read(name, made / name).rows if row.get("emotion")]
    assert labelled
    assert {
        column for column in corpus.offers if any(row.get(column) is None for row in labelled)
    } == corpus.sample.lacks
    checked = {"emotion", "sentiment", "speaker", "script", "split", "text", "audio"}
    assert not {column for column in checked - corpus.offers if all(row.get(column) is not None for row in labelled)}


@pytest.mark.parametrize("name", ["meld", "mosei", "tess"])
def test_the_same_seed_gives_the_same_bytes(name: str, made: Path, tmp_path: Path) -> None:
    simulated.make(name, tmp_path / "again")

    def bytes_of(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert bytes_of(tmp_path / "again") == bytes_of(made / name)


def test_codes_map_to_the_shared_vocabulary() -> None:
    for name in registry.names():
        corpus = registry.corpus(name)
        assert corpus.name == name
        assert set(corpus.labels.values()) <= {*labels.EMOTIONS, "no agreed label"}
    for classes in labels.LABEL_SETS.values():
        assert set(classes) <= set(labels.EMOTIONS)


def test_ravdess_sound_and_picture_are_one_utterance(tmp_path: Path) -> None:
    output = read(
        "ravdess",
        touch(
            tmp_path, "Actor_12/03-01-06-01-02-01-12.wav", "Actor_12/01-01-06-01-02-01-12.mp4",
            "Actor_12/02-01-06-01-02-01-12.mp4", "Actor_12/01-02-03-02-01-01-12.mp4",
            "Actor_12/03-01-09-01-02-01-12.wav", "Actor_12/03-01-06-01-02-01-12.flac",
            "Actor_99/03-01-06-01-02-01-99.wav", "notes.wav",
        ),
    )  # fmt: skip
    by_id = {row["utterance_id"]: row for row in output.rows}
    assert by_id["ravdess/01-06-01-02-01-12"]["video"] == "Actor_12/01-01-06-01-02-01-12.mp4"
    assert by_id["ravdess/01-06-01-02-01-12"]["audio"] == "Actor_12/03-01-06-01-02-01-12.flac"
    assert by_id["ravdess/02-03-02-01-01-12"]["channel"] == "song"
    assert by_id["ravdess/02-03-02-01-01-12"]["sex"] == "female"
    assert sorted((reject.id.rpartition("/")[2], reject.reason) for reject in output.rejects) == [
        ("02-01-06-01-02-01-12.mp4", "video only"),
        ("03-01-06-01-02-01-12.wav", "same utterance twice"),
        ("03-01-06-01-02-01-99.wav", "not a name of RAVDESS's"),
        ("03-01-09-01-02-01-12.wav", "unknown emotion code"),
        ("notes.wav", "not a name of RAVDESS's"),
    ]
    missing = registry.corpus("ravdess").expected(output.rows).missing
    assert len(missing) == 59 + 43


def test_tess_as_it_is_in_the_wild(tmp_path: Path) -> None:
    output = read(
        "tess",
        touch(
            tmp_path, "OAF_Pleasant_surprise/OAF_back_ps.wav", "OAF_Fear/OA_bite_fear.wav", "YAF_sad/YAF_Back_Sad.wav",
            "TESS data/TESS data/OAF_Pleasant_surprise/OAF_back_ps.wav", "OAF_angry/OAF_back_rage.wav",
        ),
    )  # fmt: skip
    assert {(row["speaker"], row["script"], row["emotion"]) for row in output.rows} == {
        ("tess/OAF", "tess/back", "surprise"), ("tess/OAF", "tess/bite", "fear"), ("tess/YAF", "tess/back", "sadness"),
    }  # fmt: skip
    assert Counter(reject.reason for reject in output.rejects) == {"same utterance twice": 1, "unknown emotion code": 1}


def test_crema_d_ties_and_votes_without_clips(made: Path, tmp_path: Path) -> None:
    output = read("crema-d", made / "crema-d")
    ties = [row for row in output.rows if row["emotion"] is None]
    assert ties
    assert {row["label_source"] for row in ties} == {"listeners"}
    touch(tmp_path, "AudioWAV/1040_ITH_SAD_X.wav", "AudioWAV/1001_XYZ_SAD_XX.wav")
    (tmp_path / "summaryTable.csv").write_text("FileName,VoiceVote,VoiceLevel\n1001_DFA_ANG_XX,A,80\n")
    output = read("crema-d", tmp_path)
    assert [(row["emotion"], row["level"], row["label_source"]) for row in output.rows] == [
        ("sadness", "unspecified", "corpus")
    ]
    assert {reject.reason for reject in output.rejects} == {"votes without a clip", "not a name of CREMA-D's"}


def test_savee_with_the_speaker_in_the_name(tmp_path: Path) -> None:
    output = read("savee", touch(tmp_path, "AudioData/DC_a01.wav", "AudioData/KL_sa12.wav", "AudioData/XX_a01.wav"))
    assert [row["utterance_id"] for row in output.rows] == ["savee/DC_a01", "savee/KL_sa12"]
    assert [reject.reason for reject in output.rejects] == ["not a name of SAVEE's"]


def test_a_folder_that_poses_as_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "OAF_back_angry.wav").mkdir()
    touch(tmp_path, "OAF_bar_angry.wav", ".OAF_bath_angry.wav")
    assert [row["script"] for row in read("tess", tmp_path).rows] == ["tess/bar"]


def test_meld_text_alone_and_its_damage(tmp_path: Path) -> None:
    header = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
    rows = [
        '1,"You must\x92ve, Joey",Ross,joy,positive,0,0,8,21,"00:16:16,059","00:16:21,731"',
        '2,"It\u00e2\u20ac\u2122s me",Ross ,neutral,neutral,0,1,8,21,"00:16:25,000","00:16:22,000"',
        '3,"I\ufffdm done\ufffd",Ross,glee,neutral,0,2,8,21,"00:00:01,000","00:00:02,000"',
        '4,"I\ufffdm done",Ross,fear,meh,0,3,8,21,"00:00:01,000","00:00:02,000"',
        '5,"I\ufffdm done",Ross,fear,negative,0,x,8,21,"00:00:01,000","00:00:02,000"',
        "6,short,Ross,fear",
        '7,"I\ufffdm done\ufffd",Ross,fear,negative,0,4,8,21,"00:00:01,000","00:00:02,000"',
    ]
    (tmp_path / "train_sent_emo.csv").write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    output = read("meld", tmp_path)
    assert [row["text"] for row in output.rows] == ["You must’ve, Joey", "It’s me", "I’m done"]
    assert [(row["recording_start_s"], row["audio"]) for row in output.rows] == [
        (976.059, None), (None, None), (1.0, None),
    ]  # fmt: skip
    assert [(reject.id, reject.reason) for reject in output.rejects] == [
        ("train_sent_emo.csv:4", "unknown emotion code"),
        ("train_sent_emo.csv:5", "unknown sentiment"),
        ("train_sent_emo.csv:6", "no number"),
        ("train_sent_emo.csv:7", "ragged row"),
    ]
    assert output.repairs["cp1252 read as Latin-1"] == output.repairs["UTF-8 read as cp1252"] == 1
    assert output.repairs["times left out: broken or reversed"] == 1


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    for name, message in {
        "meld": "train_sent_emo.csv", "iemocap": "EmoEvaluation", "mosei": "no labels", "plain": "utterances.csv",
    }.items():  # fmt: skip
        with pytest.raises(InputError, match=message):
            read(name, tmp_path)
        with pytest.raises(InputError, match=r"there is no such|no Session"):
            read(name, tmp_path / "nowhere")
    (tmp_path / "dev_sent_emo.csv").write_text("Utterance,Speaker\nhi,Ross\n")
    with pytest.raises(InputError, match="column Emotion, Sentiment, Dialogue_ID, Utterance_ID is missing"):
        read("meld", tmp_path)


def test_mosei_from_a_csv_with_cut_clips(tmp_path: Path) -> None:
    touch(tmp_path, "wav/-3g5yACwYnA[13].wav", "wav/ab_12_3.wav")
    (tmp_path / "label.csv").write_text(
        "video_id,clip_id,text,label,mode,happy,sad,anger,surprise,disgust,fear\n"
        "-3g5yACwYnA,13,I like it,1.0,train,0.66,0,0,0,0,0\n"
        "ab_12,3,so so,0,valid,0,0.3,0.3,0,0,0\n"
        "ab_12,4,no,-9,test,0,0,0,0,0,0\n"
        "ab_12,x,no,-1,test,0,0,0,0,0,0\n"
    )
    output = read("mosei", tmp_path)
    assert [(row["audio"], row["emotion"], row["sentiment"], row["split"]) for row in output.rows] == [
        ("wav/-3g5yACwYnA[13].wav", "happiness", "positive", "train"), ("wav/ab_12_3.wav", None, "neutral", "dev"),
    ]  # fmt: skip
    assert [(reject.id, reject.reason) for reject in output.rejects] == [
        ("label.csv:5", "no number"), ("ab_12[4]", "label out of range"),
    ]  # fmt: skip
    (tmp_path / "CMU_MOSEI_Labels.csd").write_bytes(b"no HDF5")
    with pytest.raises(InputError, match="not a file of the CMU SDK's"):
        read("mosei", tmp_path)


def test_iemocap_lines_that_cannot_be_used(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Session1" / "dialog" / "EmoEvaluation"
    folder.mkdir(parents=True)
    (folder / "Ses01F_impro01.txt").write_text(
        "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
        "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n"
        "[9.0 - 10.0]\tSes01F_impro01_M000\tjoy\t[2.5000, 2.5000, 2.5000]\n"
        "[9.0 - 10.0]\tSes01F_impro01_MXX0\txxx\t[2.5000, x, 2.5000]\n"
        "[9.0 - 10.0] broken\n"
    )
    output = read("iemocap", tmp_path)
    assert [(row["utterance_id"], row["script"], row["kind"], row["audio"]) for row in output.rows] == [
        ("iemocap/Ses01F_impro01_F000", None, "improvised", None)
    ]
    assert [reject.reason for reject in output.rejects] == ["unknown emotion code", "no number", "not an evaluation"]
    turns = read("iemocap", made / "iemocap").rows
    assert len({row["speaker"] for row in turns}) == 10
    assert {row["emotion"] for row in turns if row["native_label"] == "xxx"} == {None}


def test_a_plain_table_with_mistakes(tmp_path: Path) -> None:
    table = tmp_path / "utterances.csv"
    table.write_text("audio,feeling\na.wav,joy\n")
    with pytest.raises(InputError, match="unknown column feeling; allowed are utterance_id"):
        read("plain", tmp_path)
    table.write_text("speaker\nx\n")
    with pytest.raises(InputError, match="needs a column 'audio' or 'text'"):
        read("plain", tmp_path)
    table.write_text(
        "audio,emotion,start_s,end_s,text\na.wav,anger,0,1.5,\n../b.wav,anger,,,\nc.wav,joy,,,\nd.wav,,soon,,\n,,,,\n"
        "a.wav,anger,0,1.5,\n,,,,words alone\n"
    )
    output = read("plain", tmp_path)
    assert [(row["utterance_id"], row["emotion"], row["end_s"]) for row in output.rows] == [
        ("plain/a.wav", "anger", 1.5), ("plain/utterances.csv_8", None, None),
    ]  # fmt: skip
    assert [reject.reason for reject in output.rejects] == [
        "outside the corpus", "unknown emotion code", "no number", "empty row", "same utterance twice",
    ]  # fmt: skip


def test_real_ravdess_tess_and_meld(real_data: Path) -> None:
    ravdess = read("ravdess", real_data / "ravdess")
    assert (len(ravdess.rows), ravdess.rejects) == (1080, ())
    assert set(Counter(row["speaker"] for row in ravdess.rows).values()) == {60}
    by_emotion = Counter(row["emotion"] for row in ravdess.rows)
    assert by_emotion.pop("neutral") == 72
    assert set(by_emotion.values()) == {144}
    tess = read("tess", real_data / "tess")
    assert (len(tess.rows), tess.rejects) == (700, ())
    assert Counter(row["speaker"] for row in tess.rows) == {"tess/OAF": 350, "tess/YAF": 350}
    assert set(Counter(row["emotion"] for row in tess.rows).values()) == {100}
    meld = read("meld", real_data / "meld")
    assert (len(meld.rows), meld.rejects) == (13_708, ())
    assert Counter(row["split"] for row in meld.rows) == {"train": 9989, "dev": 1109, "test": 2610}
    assert Counter(row["emotion"] for row in meld.rows if row["split"] == "test") == {
        "neutral": 1256, "happiness": 402, "anger": 345, "surprise": 281, "sadness": 208, "disgust": 68, "fear": 50,
    }  # fmt: skip


def test_a_scene_of_iemocap_that_was_played_twice_is_one_script(tmp_path: Path) -> None:
    """Session 5 has script01_1b with the words of script01_1: both must be on one side of a split by script."""
    folder = tmp_path / "Session5" / "dialog" / "EmoEvaluation"
    folder.mkdir(parents=True)
    lines = [
        f"[6.2901 - 8.2357]\t{turn}\tneu\t[2.5000, 2.5000, 2.5000]"
        for turn in (
            "Ses05F_script01_1_F000",
            "Ses05F_script01_1b_F000",
            "Ses05F_script01_3_M001",
            "Ses05F_impro08a_F000",
        )
    ]
    (folder / "all.txt").write_text("\n".join(lines))
    turns = {row["utterance_id"].partition("_")[2]: row for row in registry.corpus("iemocap").read(tmp_path).rows}
    assert {name: row["script"] for name, row in turns.items()} == {
        "script01_1_F000": "iemocap/script01_1",
        "script01_1b_F000": "iemocap/script01_1",
        "script01_3_M001": "iemocap/script01_3",
        "impro08a_F000": None,
    }
    assert turns["script01_1b_F000"]["scene"] == "iemocap/script01_1b"
