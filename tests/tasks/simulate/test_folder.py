from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core.errors import InputError
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
    assert 'srclang="en" label="English" src="/captions/1.srt"' in page(pages, "1")
    assert 'srclang="en-x-auto"' in page(pages, "1")
    assert "1.more.de.vtt" not in page(pages, "1")
    assert 'srclang="de"' in page(pages, "1.more")
    assert page(pages, "1").index("1.srt") < page(pages, "1").index("1.en.vtt")


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
    path = wav(name="a.wav")
    path.with_suffix(".mp3").write_bytes(b"")
    with pytest.raises(InputError, match="called 'a'"):
        folder(path.parent)


@pytest.mark.real
def test_the_real_interviews(real_data: Path) -> None:
    pages = folder(real_data / "interviews")
    assert [(entry.id, entry.split) for entry in pages.entries] == [
        ("1", "train"), ("2", "train"), ("3", "train"), ("kobe", "train"), ("manifesto_audio", "test"),
    ]  # fmt: skip
    automatic = {entry.id for entry in pages.entries if "en-x-auto" in page(pages, entry.id)}
    assert automatic == {"1", "2", "kobe", "manifesto_audio"}
