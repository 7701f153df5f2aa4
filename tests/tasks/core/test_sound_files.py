"""Damaged sound that undertone wrote itself: the message names the file and how to recreate it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.captions import speech_detection
from tasks.core import paths, sound_files
from tasks.core.errors import AudioError
from tasks.media.segments.cutting import SegmentSpan, VideoSpans, cuts


def damaged(path: Path, content: Callable[[bytes], bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 64_000), 16_000)
    path.write_bytes(content(path.read_bytes()))
    return path


@pytest.mark.parametrize("content", [lambda whole: b"", lambda whole: b"text" * 100, lambda whole: whole[:30]])
def test_a_damaged_file_is_named(tmp_path: Path, content: Callable[[bytes], bytes]) -> None:
    path = damaged(tmp_path / "a.flac", content)
    with pytest.raises(AudioError, match=r"a\.flac: the sound is damaged .* undertone run crawl"):
        speech_detection.levels_db(path)


def test_a_file_that_breaks_off_is_named_by_cutting(project: Path) -> None:
    damaged(paths.MEDIA / "a.flac", lambda whole: b"fLaC" + bytes(60))
    video = VideoSpans("a", "a.flac", "", (SegmentSpan("a#1", 0.0, 1.0),))
    with pytest.raises(AudioError, match=r"a\.flac: the sound is damaged"):
        list(cuts(video))


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), sound_files.opened(tmp_path / "none.flac"):
        pass
