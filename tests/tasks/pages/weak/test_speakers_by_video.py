"""Speakers of each video, for the report."""

from __future__ import annotations

from tasks.pages.weak import speakers_by_video


def test_shares() -> None:
    voices = [
        {"video_id": "train-2", "voice": "train-2#1", "speaker": "interviews/train-1#1", "name": None,
         "speech_s": 5.0, "speech_share": 0.5},
        {"video_id": "train-1", "voice": "train-1#2", "speaker": "interviews/train-1#2", "name": "joy",
         "speech_s": 2.0, "speech_share": 0.2},
        {"video_id": "train-1", "voice": "train-1#1", "speaker": "interviews/train-1#1", "name": None,
         "speech_s": 6.0, "speech_share": 0.6},
    ]  # fmt: skip
    videos = speakers_by_video.speakers(voices)
    assert [video.video_id for video in videos] == ["train-1", "train-2"]
    assert videos[0].shares == (("interviews/train-1#1", "", 0.75), ("interviews/train-1#2", "joy", 0.25))
    assert videos[0].speech_share == 0.8
    assert speakers_by_video.n_persons(videos) == 2
    assert speakers_by_video.speakers([]) == ()
