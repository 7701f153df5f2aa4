"""Captions as a data frame: `ut.captions.read(path)`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tasks.core.errors import InputError


def read(path: str | Path, *, by_sentence: bool = False, audio: str | Path | None = None) -> pd.DataFrame:
    """Read a caption file: every word once, at its time, without markup and repetitions.

    Args:
        path: a caption file: .vtt, .srt, .ass, .ttml, .json3 …
        by_sentence: whether a row is a sentence instead of a cue
        audio: the sound of the captions; cues are cut at its end, and sentences are aligned with it

    Returns:
        one row per utterance: `start_s`, `end_s`, `text`. `attrs["left_out"]` lists (number of the cue, reason, text)
        of the cues without speech

    Raises:
        InputError: if captions or sound cannot be read, or there is no cue

    Example:
        >>> from pathlib import Path
        >>> import tempfile
        >>> vtt = "WEBVTT\\n\\n00:01.000 --> 00:02.000\\n<b>Hi</b> there\\n\\n00:03.000 --> 00:04.000\\n[Laughter]\\n"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "talk.vtt")
        ...     _ = path.write_text(vtt)
        ...     captions = read(path)
        >>> captions.values.tolist()
        [[1.0, 2.0, 'Hi there']]
        >>> captions.attrs["left_out"]
        [(2, 'only a tag', '[Laughter]')]
    """
    from tasks.core import text_files
    from tasks.core.caption_formats import MAX_BYTES
    from tasks.on_demand import clean_captions

    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file; expected a caption file")
    content = text_files.read_bytes(Path(path), MAX_BYTES)
    sound = None if audio is None else Path(audio)
    cleaned = clean_captions.clean(content, str(path), by_sentence=by_sentence, audio=sound)
    table = pd.DataFrame(
        {
            "start_s": [span.start_ms / 1000 for span in cleaned.spoken],
            "end_s": [span.end_ms / 1000 for span in cleaned.spoken],
            "text": [span.text for span in cleaned.spoken],
        }
    )
    table.attrs["left_out"] = [(cue.number, cue.reason, cue.detail) for cue in cleaned.unused]
    return table
