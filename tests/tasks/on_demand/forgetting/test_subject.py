"""Whose data it is: videos by id, address or file; speakers of corpora; listeners."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.annotate import rating_files
from tasks.annotate.rated_segments import Segment, SegmentId
from tasks.annotate.store import Store
from tasks.annotate.store_schema import Counts
from tasks.core import paths
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.on_demand.forgetting import rewriting
from tasks.on_demand.forgetting.subject import Subject, resolve

LIST = "Id,URL,Title\n1,http://x.org/watch/1,One\n7,https://www.youtube.com/watch?v=abcdefghijk,Seven\n"


@pytest.fixture
def lists(project: Path) -> Path:
    Path("data/listeners").mkdir(parents=True)
    Path("data/train.csv").write_text(LIST)
    Path("data/test.csv").write_text("Id,URL,Title\n1,http://x.org/watch/9,Nine\n")
    paths.ANNOTATED.write_text("Id,start_s,end_s,Ana,Ben,text\ntrain-7,0,2,positive,,x\n1,0,2,negative,neutral,y\n")
    return project


@pytest.mark.parametrize(
    "name", ["train-7", "7", "https://youtu.be/abcdefghijk", "http://youtube.com/watch?v=abcdefghijk&t=3"]
)
def test_a_video_by_any_of_its_names(lists: Path, settings: Config, name: str) -> None:
    subject = resolve("video", name, settings)
    assert (subject.videos, subject.identities) == (("train-7",), ("Youtube:abcdefghijk",))
    assert "abcdefghijk" in subject.traces.phrases
    assert Subject.from_json(subject.to_json()) == subject


def test_unknown_and_ambiguous_names(lists: Path, settings: Config) -> None:
    with pytest.raises(InputError, match="1 is the Id of several videos: test-1, train-1"):
        resolve("video", "1", settings)
    with pytest.raises(InputError, match="neither the lists nor data/crawl have a video 'train-8'"):
        resolve("video", "train-8", settings)
    with pytest.raises(InputError, match="did you mean 'Ana'"):
        resolve("listener", "ana", settings)
    with pytest.raises(InputError, match="no corpus and no interview has a speaker"):
        resolve("speaker", "Cleo", settings)


def test_lists_and_ratings_without_a_video(lists: Path, settings: Config) -> None:
    subject = resolve("video", "train-7", settings)
    assert rewriting.list_without(Path("data/train.csv"), subject, dry_run=True) == 1
    assert Path("data/train.csv").read_text() == LIST
    assert rewriting.list_without(Path("data/train.csv"), subject) == 1
    assert Path("data/train.csv").read_text() == "Id,URL,Title\n1,http://x.org/watch/1,One\n"
    assert rewriting.all_ratings_without(subject) == 1
    assert paths.ANNOTATED.read_text() == "Id,start_s,end_s,Ana,Ben,text\n1,0,2,negative,neutral,y\n"


def test_votes_from_files_without_a_video(lists: Path, settings: Config) -> None:
    paths.VOTERS.mkdir(parents=True)
    path = paths.VOTERS / "llm.csv"
    subject = resolve("video", "train-1", settings)
    (video,) = subject.videos
    others = 'id,digest,vote\n"weak/other/0000",0123456789ab,positive\n'
    path.write_text(others + f"weak/{video}/0000,0123456789ab,negative\nweak/{video}0/0000,0123456789ab,negative\n")
    assert rewriting.votes_without(subject, dry_run=True) == 1
    assert video in path.read_text()
    assert rewriting.votes_without(subject) == 1
    assert path.read_text() == others.replace('"', "") + f"weak/{video}0/0000,0123456789ab,negative\n"
    assert rewriting.votes_without(subject) == 0


def test_ratings_without_a_listener(lists: Path, settings: Config) -> None:
    assert rewriting.all_ratings_without(resolve("listener", "Ana", settings), dry_run=True) == 3
    assert rewriting.all_ratings_without(resolve("listener", "Ana", settings)) == 3
    assert paths.ANNOTATED.read_text() == "Id,start_s,end_s,Ben,text\ntrain-7,0,2,,x\n1,0,2,neutral,y\n"
    rewriting.all_ratings_without(resolve("listener", "Ben", settings))
    assert not paths.ANNOTATED.exists(), "no ratings are left"


def test_columns_about_a_listeners_ratings_are_removed_with_them(lists: Path, settings: Config) -> None:
    paths.ANNOTATED.write_text(
        "Id,start_s,end_s,Ana,Ben,text,Ana:played_s,Ana:plays,Ben:again\n1,0,2,negative,neutral,y,2.4,1,neutral\n"
    )
    assert rewriting.all_ratings_without(resolve("listener", "Ana", settings)) == 2
    assert paths.ANNOTATED.read_text() == "Id,start_s,end_s,Ben,text,Ben:again\n1,0,2,neutral,y,neutral\n"
    with pytest.raises(InputError, match="listener"):
        resolve("listener", "Ben:again", settings)


def test_adjudications_of_a_listener_are_removed_from_store_and_file(lists: Path, settings: Config) -> None:
    segment = Segment(SegmentId("interviews/test-1/0000", 0.0, 2.0), "test-1", "y")
    with Store(paths.RATING_STORE) as store:
        store.rate(segment, "Cleo", "negative")
        store.rate(segment, "Ben", "neutral")
        store.rate(segment, "Ana", "neutral", counts=Counts.ADJUDICATION)
        rating_files.publish(store, overwrite=True)
    assert "adjudicated" in paths.ANNOTATED.read_text()
    assert rewriting.all_ratings_without(resolve("listener", "Ana", settings)) == 1
    assert "adjudicated" not in paths.ANNOTATED.read_text()
    with Store(paths.RATING_STORE) as store:
        assert store.listeners() == ["Ben", "Cleo"]
        rating_files.publish(store)
    assert b"Ana" not in paths.RATING_STORE.read_bytes()


def test_plain_lists_keep_other_lines_and_their_encoding(project: Path, settings: Config) -> None:
    Path("data").mkdir()
    train = Path("data/train.txt")
    crawl = settings.crawl.model_copy(update={"train": str(train), "test": "data/test.txt"})
    config = settings.model_copy(update={"crawl": crawl})
    train.write_bytes("# Größe\nhttp://x.org/a\n# about http://x.org/b\nhttp://x.org/b\n".encode("cp1252"))
    Path("data/test.txt").write_text("http://x.org/c\n")
    subject = resolve("video", "http://x.org/b", config)
    assert rewriting.list_without(train, subject) == 2
    assert train.read_bytes().decode("cp1252") == "# Größe\nhttp://x.org/a\n"
