"""Adding corpora: folders stay in place, archives are unpacked or leave nothing, params.yaml keeps its comments."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from tasks.core import config, locks, paths
from tasks.core.errors import Busy, InputError
from tasks.corpora import intake
from tasks.corpora.archives import limits, unpacking
from tasks.corpora.readers import registry
from tasks.on_demand import simulated_corpora as simulated


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def test_a_folder_stays_where_it_is(project: Path, tmp_path: Path) -> None:
    simulated.make("tess", tmp_path / "tess")
    before = Path("params.yaml").read_text().splitlines()
    added = intake.add("mine", tmp_path / "tess")
    assert (added.reader, added.path) == ("tess", tmp_path / "tess")
    assert config.load(paths.PARAMS).corpora["mine"] == config.Corpus(reader="tess", path=str(tmp_path / "tess"))
    after = Path("params.yaml").read_text().splitlines()
    assert [line for line in before if line not in after] == []
    assert intake.add("mine", tmp_path / "tess") == added
    intake.add("other", tmp_path / "tess", "tess")
    assert list(config.load(paths.PARAMS).corpora) == ["interviews", "mine", "other"]
    simulated.make("plain", tmp_path / "plain")
    with pytest.raises(InputError, match="has a corpus 'mine' already"):
        intake.add("mine", tmp_path / "plain")


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tgz", ".tar"])
def test_an_archive_is_unpacked(suffix: str, project: Path, tmp_path: Path) -> None:
    simulated.make("emodb", tmp_path / "emodb")
    archive = tmp_path / f"emodb{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as file:
            for path in sorted((tmp_path / "emodb").rglob("*")):
                file.write(path, Path("download") / path.relative_to(tmp_path / "emodb"))
    else:
        with tarfile.open(archive, "w:gz" if suffix != ".tar" else "w") as tar:
            tar.add(tmp_path / "emodb", "download")
    added = intake.add("german", archive)
    assert added.reader == "emodb"
    assert config.load(paths.PARAMS).corpora["german"].path == str(paths.CORPORA / "german")
    assert len(list((paths.CORPORA / "german").rglob("*.wav"))) == 56
    with pytest.raises(InputError, match="is there already"):
        intake.add("german", archive)


def test_no_path_leaves_the_target(project: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("../evil.wav", "/evil.wav", "a/../../evil.wav", "C:/evil.wav", "..\\evil.wav")):
        archive = zipped(tmp_path / f"{number}.zip", **{"good.wav": b"a", name: b"evil"})
        with pytest.raises(InputError, match="leads out of the folder; nothing was unpacked"):
            intake.add("evil", archive, "tess")
    assert not paths.CORPORA.exists() or list(paths.CORPORA.iterdir()) == []
    assert not list(tmp_path.rglob("evil.wav"))


def test_links_and_devices_are_refused(project: Path, tmp_path: Path) -> None:
    linked = tmp_path / "link.zip"
    with zipfile.ZipFile(linked, "w") as file:
        info = zipfile.ZipInfo("link.wav")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    for kind, name in ((tarfile.SYMTYPE, "sym"), (tarfile.LNKTYPE, "hard"), (tarfile.CHRTYPE, "device")):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            entry = tarfile.TarInfo("a.wav")
            entry.type, entry.linkname = kind, "/etc/passwd"
            tar.addfile(entry)
    for path, kind in ((linked, "link"), ("sym.tar", "link"), ("hard.tar", "link"), ("device.tar", "device")):
        with pytest.raises(InputError, match=f"is a {kind}; only files"):
            unpacking.unpack(tmp_path / path, paths.CORPORA / "x")
    assert not paths.CORPORA.exists() or list(paths.CORPORA.iterdir()) == []


def test_a_bomb_is_noticed_while_it_is_unpacked(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SMALL_BYTES", 1_000_000)
    with pytest.raises(InputError, match="a bomb, or damaged; nothing was unpacked"):
        unpacking.unpack(zipped(tmp_path / "bomb.zip", **{"a.wav": bytes(50_000_000)}), paths.CORPORA / "x")
    monkeypatch.setattr(limits, "MAX_FILES", 10)
    with pytest.raises(InputError, match="more than 10 files"):
        unpacking.unpack(zipped(tmp_path / "many.zip", **{f"{n}.wav": b"" for n in range(11)}), paths.CORPORA / "x")
    assert not paths.CORPORA.exists() or list(paths.CORPORA.iterdir()) == []


def test_a_damaged_archive_and_what_is_none(project: Path, tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", **{"a.wav": b"x" * 5000}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.wav"))
    (tmp_path / "cut.tar.gz").write_bytes(buffer.getvalue()[:20])
    for name in ("cut.zip", "cut.tar.gz"):
        with pytest.raises(InputError, match="cannot be unpacked"):
            intake.add("x", tmp_path / name, "tess")
    (tmp_path / "a.rar").touch()
    with pytest.raises(InputError, match=r"neither a folder nor one of .zip"):
        intake.add("x", tmp_path / "a.rar")
    with pytest.raises(InputError, match="no such folder or archive"):
        intake.add("x", tmp_path / "nowhere")
    with pytest.raises(InputError, match="is no name for a corpus"):
        intake.add("My Corpus", tmp_path)
    with pytest.raises(InputError, match="there is no reader 'tes'"):
        intake.add("x", tmp_path, "tes")
    with pytest.raises(InputError, match="no reader can read most of its files; choose one: --reader aesdd"):
        intake.add("x", tmp_path)


def leftovers() -> list[Path]:
    return sorted(paths.CORPORA.iterdir()) if paths.CORPORA.exists() else []


def doubled(folder: Path) -> Path:
    """TESS as on Kaggle: the whole tree lies in itself again."""
    top = "TESS Toronto emotional speech set data"
    for tree in (folder / top, folder / top / top):
        for speaker in ("OAF", "YAF"):
            for code, name in {"sad": "Sad", "ps": "Pleasant_surprise", "angry": "angry"}.items():
                for word in ("back", "bar"):
                    path = tree / f"{speaker}_{name}" / f"{speaker}_{word}_{code}.wav"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
    return folder


def test_known_copies_count_for_a_reader(project: Path, tmp_path: Path) -> None:
    assert intake.add("doubled", doubled(tmp_path / "tess")).reader == "tess"
    for tree in ("", "audio_speech_actors_01-24"):
        for number in range(1, 9):
            path = tmp_path / "ravdess" / tree / "Actor_01" / f"03-01-{number:02d}-01-01-01-01.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert intake.add("doubled-too", tmp_path / "ravdess").reader == "ravdess"


def test_files_of_others_do_not_count_for_a_reader(project: Path, tmp_path: Path) -> None:
    folder = doubled(tmp_path / "tess")
    for number in range(40):
        (folder / f"interview-{number}.wav").touch()
    with pytest.raises(InputError, match=r"tess reads 24 of 64; of the others, interview-0\.wav: not a name of TESS's"):
        intake.add("mixed", folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "utterances.csv").write_text("audio,colour\n")
    with pytest.raises(InputError, match=r"--reader .*plain: .*other/utterances\.csv: unknown column colour"):
        intake.add("mixed", tmp_path / "other")


def test_a_refused_archive_leaves_nothing_and_can_be_added_again(project: Path, tmp_path: Path) -> None:
    (tmp_path / "mixed" / "OAF_sad").mkdir(parents=True)
    for name in ("OAF_sad/OAF_back_sad.wav", "a.wav", "b.wav"):
        (tmp_path / "mixed" / name).touch()
    archive = zipped(tmp_path / "tess.zip", **{"OAF_sad/OAF_back_sad.wav": b"1", "a.wav": b"2", "b.wav": b"3"})
    before = Path("params.yaml").read_bytes()
    with pytest.raises(InputError, match=r"tess\.zip: no reader can read most of its files; choose one"):
        intake.add("tess", archive)
    assert leftovers() == []
    assert Path("params.yaml").read_bytes() == before
    assert intake.add("tess", archive, "tess").reader == "tess"


def test_what_interrupted_runs_left_is_used_or_removed(project: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "tess.zip", **{"OAF_sad/OAF_back_sad.wav": b"1"})
    for name in ("tess", "other"):
        part = paths.CORPORA / f".{name}.part"
        part.mkdir(parents=True)
        (part / "half.wav").touch()
    # killed after the folder got its name, before params.yaml was written
    existing = paths.CORPORA / "tess" / "OAF_sad" / "OAF_back_sad.wav"
    existing.parent.mkdir(parents=True)
    existing.write_bytes(b"1")
    assert intake.add("tess", archive, "tess").path == (paths.CORPORA / "tess").resolve()
    assert leftovers() == [paths.CORPORA / "tess"]
    mine = paths.CORPORA / "mine" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("my own")
    with pytest.raises(InputError, match="mine is there already, with other files than the archive has; remove it"):
        intake.add("mine", archive, "tess")
    assert mine.read_text() == "my own"


def test_an_error_after_unpacking_leaves_nothing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    archive = zipped(tmp_path / "tess.zip", **{"OAF_sad/OAF_back_sad.wav": b"1"})
    monkeypatch.setattr(intake, "write_entries", fail)
    with pytest.raises(OSError, match="No space left"):
        intake.add("tess", archive)
    assert leftovers() == []


def test_one_process_at_a_time_adds_a_corpus(project: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "tess.zip", **{"OAF_sad/OAF_back_sad.wav": b"1"})
    part = paths.CORPORA / ".tess.part"
    part.mkdir(parents=True)
    with (
        locks.alone("corpus-add-tess", "another", wait_s=0, waiting=lambda _: None),
        pytest.raises(Busy, match="corpus-add-tess is in use by another"),
    ):
        intake.add("tess", archive)
    assert part.is_dir()


def test_meld_as_published_has_its_clips_in_archives_in_the_archive(project: Path, tmp_path: Path) -> None:
    header = "Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n"
    raw = tmp_path / "MELD.Raw"
    folders = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
    raw.mkdir()
    for split, folder in folders.items():
        (raw / f"{split}_sent_emo.csv").write_text(f"{header}Hello.,Ann,joy,positive,0,0\n")
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "dia0_utt0.mp4").touch()
        with tarfile.open(raw / f"{split}.tar.gz", "w:gz") as tar:
            tar.add(tmp_path / folder, folder)
    with tarfile.open(tmp_path / "MELD.Raw.tar.gz", "w:gz") as tar:
        tar.add(raw, "MELD.Raw")
    added = intake.add("meld", tmp_path / "MELD.Raw.tar.gz")
    assert (added.reader, added.left_packed) == ("meld", {})
    rows = registry.corpus("meld").read(added.path).rows
    assert {row["utterance_id"]: row["video"] for row in rows} == {
        f"meld/{split}-dia0-utt0": f"MELD.Raw/{split}/{folder}/dia0_utt0.mp4" for split, folder in folders.items()
    }


@pytest.mark.parametrize(("name", "reader"), [("interviews", None), ("interviews", "tess"), ("mine", "interviews")])
def test_interviews_are_a_corpus_already(project: Path, tmp_path: Path, name: str, reader: str | None) -> None:
    before = paths.PARAMS.read_bytes()
    with pytest.raises(InputError, match=r"interviews are what the lists of interviews name.* choose another"):
        intake.add(name, tmp_path, reader)
    assert paths.PARAMS.read_bytes() == before
