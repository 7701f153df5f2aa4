"""RAVDESS: expected clips of the actors that are present."""

from __future__ import annotations

from pathlib import Path

from tasks.corpora.readers.ravdess import CORPUS

SPEECH = 60
SONG = 44


def _touch_all(folder: Path, channel: str, actor: str, emotions: str) -> None:
    for emotion in emotions:
        for intensity in ("01", "02") if emotion != "1" else ("01",):
            for statement in ("01", "02"):
                for repetition in ("01", "02"):
                    (folder / f"03-{channel}-0{emotion}-{intensity}-{statement}-{repetition}-{actor}.wav").touch()


def test_a_whole_actor_lacks_nothing_in_speech_or_song(tmp_path: Path) -> None:
    _touch_all(tmp_path, "01", "12", "12345678")
    _touch_all(tmp_path, "02", "12", "123456")
    expected = CORPUS.expected(CORPUS.read(tmp_path).rows)
    counts = {count.what: (count.expected, count.actual) for count in expected.counts}
    assert expected.missing == ()
    assert counts["speech: clips of the 1 actors here"] == (SPEECH, SPEECH)
    assert counts["song: clips of the 1 actors here"] == (SONG, SONG)
    assert counts["speech: neutral of the actors here"] == (4, 4)
    assert counts["song: fear of the actors here"] == (8, 8)
    assert "song: disgust of the actors here" not in counts
    assert [what for what, (n, m) in counts.items() if n != m] == [
        "speech: actors of the whole corpus", "song: actors of the whole corpus",
    ]  # fmt: skip


def test_a_lost_clip_is_named_and_counted_in_its_class(tmp_path: Path) -> None:
    _touch_all(tmp_path, "01", "07", "12345678")
    (tmp_path / "03-01-05-02-01-02-07.wav").unlink()
    expected = CORPUS.expected(CORPUS.read(tmp_path).rows)
    assert expected.missing == ("ravdess/01-05-02-01-02-07",)
    assert {count.what: count.actual for count in expected.counts}["speech: anger of the actors here"] == 7
