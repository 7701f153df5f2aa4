"""SAVEE: four British men, 15 sentences per emotion, seven emotions; 480 clips.

Source: Haq and Jackson (2010), "Multimodal Emotion Recognition", in Machine Audition, IGI Global;
http://kahlan.eps.surrey.ac.uk/savee/. Licence: free for research.
Layout: `DC_a01.wav` or `DC/a01.wav`: speaker, emotion, sentence.

Known problems: there are twice as many neutral clips as of any emotion. Each emotion has its own numbering of
sentences, so `script` is emotion and number; a few sentences are common to all emotions, which the names do not show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core.errors import Rejected
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import CorpusReader, Count, Expected, ReaderOutput, Row, Sample, Studio

_NAME = re.compile(r"(DC|JE|JK|KL)[_/](sa|su|[a-z])(\d\d)")
_LABELS = {
    "n": "neutral", "h": "happiness", "sa": "sadness", "a": "anger", "f": "fear", "d": "disgust", "su": "surprise",
}  # fmt: skip


def _read(folder: Path) -> ReaderOutput:
    """Read the clips anywhere below a folder; the speaker is in the file's name or is its folder's name."""
    return reading.without_duplicates(reading.read_clips(folder, _row))


def _row(stem: str, path: str) -> Row:
    parent = Path(path).parent.name
    if (match := _NAME.fullmatch(stem) or _NAME.fullmatch(f"{parent}/{stem}")) is None:
        raise Rejected("not a name of SAVEE's", f"{path}: expected a name such as DC_a01 or DC/a01")
    speaker, emotion, number = match.groups()
    return reading.acted_row(
        "savee",
        f"{speaker}_{emotion}{number}",
        speaker,
        path,
        script=f"savee/{emotion}{number}",
        native_label=emotion,
        emotion=labels.emotion(_LABELS, emotion, path),
        licence="research",
        sex="male",
    )


def _expected(rows: Sequence[Row]) -> Expected:
    by_class = reading.tally(rows, "native_label")
    by_speaker = reading.tally(rows, "speaker")
    n = len(by_speaker)
    counts = [Count("clips of the whole corpus", 480, len(rows)), Count("speakers of the whole corpus", 4, n)]
    counts += [
        Count(f"{emotion} of the {n} speakers here", (30 if code == "n" else 15) * n, by_class[code])
        for code, emotion in _LABELS.items()
    ]
    counts += [Count(speaker, 120, n_clips) for speaker, n_clips in sorted(by_speaker.items())]
    # every speaker reads the same sentences
    scripts = {row["script"].removeprefix("savee/") for row in rows}
    present = {row["utterance_id"] for row in rows}
    wanted = sorted(f"{speaker}_{script}" for speaker in by_speaker for script in scripts)
    return Expected(tuple(counts), tuple(clip for clip in wanted if clip not in present))


def _write_sample(folder: Path, studio: Studio) -> None:
    """Four speakers, two sentences per emotion."""
    texts = {
        1: "the train to the coast leaves from the other platform",
        2: "they painted the kitchen on a Tuesday in April",
    }
    for actor, speaker in enumerate(("DC", "JE", "JK", "KL"), 40):
        for position, (code, emotion) in enumerate(_LABELS.items()):
            for number, text in texts.items():
                samples = studio.speak(f"{text} {position}", actor, emotion)
                studio.write_sound(samples, folder / f"{speaker}/{code}{number:02d}.wav", rate_hz=44_100)


CORPUS = CorpusReader(
    name="savee",
    title="SAVEE",
    licence="free for research",
    url="http://kahlan.eps.surrey.ac.uk/savee/",
    citation="Haq and Jackson (2010), IGI Global",
    language="en",
    labels=_LABELS,
    read=_read,
    expected=_expected,
    offers=reading.ACTED_COLUMNS,
    sample=Sample(
        _write_sample,
        n_utterances=56,
        golden={
            "utterance_id": "savee/JK_su02", "speaker": "savee/JK", "emotion": "surprise", "script": "savee/su02",
            "sex": "male",
        },
    ),
    extra=pa.schema([("sex", pa.string())]),
    max_duration_s=12.0,
)  # fmt: skip
