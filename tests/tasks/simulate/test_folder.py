from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core.errors import InputError
from tasks.fetching import identity, lists
from tasks.simulate import site
from tasks.simulate.folder import folder

ROLLING = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n \none<00:00:00.500><c> two</c>\n"


def page(pages: site.Pages, stem: str) -> str:
    resource = pages.resources[f"/watch/{stem}"]
    assert isinstance(resource, site.Text)
    return resource.content.decode()


def test_captions_belong_to_their_own_stem(wav: Callable[..., Path]) -> None:
    path = wav(name="1.wav").parent
    wav(name="1.more.wav")
    (path / "1.en.vtt").write_text(ROLLING)
    (path / "1.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\none two\n")
    (path / "1.more.de.vtt").write_text("WEBVTT\n")
    pages = folder(path)
    assert 'srclang="en" label="English" src="/captions/1/0.srt"' in page(pages, "1")
    assert 'srclang="en-x-auto"' in page(pages, "1")
    assert 'srclang="de"' not in page(pages, "1")
    (other,) = (entry.id for entry in pages.entries if entry.title == "1.more")
    assert 'srclang="de"' in page(pages, other)
    assert page(pages, "1").index("0.srt") < page(pages, "1").index("1.vtt")


def test_names_of_downloaders_become_ids_and_titles(wav: Callable[..., Path], tmp_path: Path) -> None:
    path = wav(name="An interview – Ana Pérez [aBc-12_xYz0].wav").parent
    wav(name="Second talk.wav")
    (path / "Second talk.en-orig.vtt").write_text("WEBVTT\n")
    pages = folder(path)
    assert [entry.title for entry in pages.entries] == ["An interview – Ana Pérez [aBc-12_xYz0]", "Second talk"]
    assert all(identity.ID_PATTERN.fullmatch(entry.id) for entry in pages.entries)
    assert 'srclang="en-x-auto"' in page(pages, pages.entries[1].id)
    site.write_lists(pages, "http://127.0.0.1:1", tmp_path / "train.csv", tmp_path / "test.csv")
    assert lists.read(tmp_path / "train.csv", "train")[0].id == pages.entries[0].id


@pytest.mark.parametrize(("count", "test"), [(1, ["0"]), (3, ["2"]), (5, ["4"]), (7, ["4"])])
def test_every_fifth_is_held_out_and_at_least_one(wav: Callable[..., Path], count: int, test: list[str]) -> None:
    path = [wav(0.1, name=f"{i}.wav") for i in range(count)].pop().parent
    assert [entry.id for entry in folder(path).entries if entry.split == "test"] == test


def test_what_is_wrong_with_a_folder_is_said(wav: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no media"):
        folder(tmp_path / "empty")


@pytest.mark.real
def test_the_real_interviews(real_data: Path) -> None:
    pages = folder(real_data / "interviews")
    assert [(entry.id, entry.split) for entry in pages.entries] == [
        ("1", "train"), ("2", "train"), ("3", "train"), ("kobe", "train"), ("manifesto_audio", "test"),
    ]  # fmt: skip
    automatic = {entry.id for entry in pages.entries if "en-x-auto" in page(pages, entry.id)}
    assert automatic == {"1", "2", "kobe", "manifesto_audio"}
