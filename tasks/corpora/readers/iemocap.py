"""IEMOCAP: ten actors in five sessions, scripted and improvised dialogues; 10,039 turns with emotion and V/A/D.

Source: Busso et al. (2008), "IEMOCAP: interactive emotional dyadic motion capture database", Language Resources and
Evaluation 42(4); https://sail.usc.edu/iemocap/, on request. Licence: free for research.
Layout: in each of `Session1` to `Session5`: `dialog/EmoEvaluation/*.txt` (a line per turn: times, turn, label, valence,
arousal, dominance), `dialog/transcriptions/*.txt` (`Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`),
`sentences/wav/*/*.wav`.

Known problems: the `F` of `Ses01F` is the actor with the motion markers; the speaker is in the last part of a turn's
name (`_F000`). `xxx` means no agreed label, `oth` another emotion. Scripts repeat across sessions, so a text model
trained on them scores too high; some scenes were played twice (`Ses05F_script01_1b`), which is the same script.
Published scores on 4 classes merge `exc` into `hap` (label set `iemocap-4`): 5,531 turns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.core import tables, text_files
from tasks.core.errors import Rejected
from tasks.core.results import Reject
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import (
    CorpusReader,
    Count,
    Expected,
    NoCorpusFiles,
    ReaderOutput,
    Row,
    Sample,
    Studio,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LABELS = {
    "neu": "neutral", "hap": "happiness", "sad": "sadness", "ang": "anger", "fru": "frustration", "exc": "excitement",
    "fea": "fear", "sur": "surprise", "dis": "disgust", "oth": "other",
}  # fmt: skip
_NO_AGREEMENT = "xxx"
_EVALUATED = re.compile(r"\[(\S+) - (\S+)\]\t(\S+)\t(\S+)\t\[(\S+), (\S+), (\S+)\]")
_TRANSCRIBED = re.compile(r"(Ses\d\d[FM]_\S+)(?: \[[^\]]*\])?:\s*(.*)")
_TURN = re.compile(r"(Ses0([1-5])[FM]_(impro|script)(\d\d\w*))_([FM])(?:X+)?\d+", re.ASCII)
_SEXES = {"F": "female", "M": "male"}
_REPEATED_SCENE = re.compile(r"(?<=\d)[a-z]$")
_PUBLISHED = 10_039


def _read(folder: Path) -> ReaderOutput:
    """Read every session below a folder.

    Raises:
        InputError: if there are no evaluations
    """
    evaluations = [path for path in sorted(folder.rglob("EmoEvaluation/*.txt")) if not path.name.startswith(".")]
    if not evaluations:
        raise NoCorpusFiles(f"{folder}: no Session*/dialog/EmoEvaluation/*.txt in it or below")
    texts = dict(_transcripts(folder))
    sounds = {path.stem: reading.relative(path, folder) for path in reading.media(folder) if _TURN.fullmatch(path.stem)}
    rows, rejects = [], []
    for path in evaluations:
        for number, line in enumerate(text_files.read_bytes(path).decode("utf-8", errors="replace").splitlines(), 1):
            if not line.startswith("["):
                continue
            item = f"{reading.relative(path, folder)}:{number}"
            try:
                rows.append(_row(line, item, texts, sounds))
            except Rejected as error:
                rejects.append(Reject(item, error.reason, error.detail))
    evaluated = {row["native_turn"] for row in rows}
    rejects += [Reject(sounds[turn], "no row names it") for turn in sorted(sounds.keys() - evaluated)]
    return ReaderOutput(tuple({k: v for k, v in row.items() if k != "native_turn"} for row in rows), tuple(rejects))


def _row(line: str, item: str, texts: dict[str, str], sounds: dict[str, str]) -> Row:
    if (match := _EVALUATED.match(line)) is None:
        # the header of each file starts with a bracket too
        raise Rejected("not an evaluation", f"{item}: {line[:60]!r}")
    start, end, turn, code, *vad = match.groups()
    if (name := _TURN.fullmatch(turn)) is None:
        raise Rejected("not a turn of IEMOCAP's", f"{item}: {turn}")
    try:
        valence, arousal, dominance = map(text_files.number, vad)
        dialogue_start_s, dialogue_end_s = text_files.number(start), text_files.number(end)
    except ValueError:
        raise Rejected("no number", f"{item}: {line[:80]!r}") from None
    dialogue, session, kind, script, sex = name.groups()
    scene = f"{kind}{script}"
    return {
        "native_turn": turn,
        "utterance_id": f"iemocap/{turn}",
        "corpus": "iemocap",
        "language": "en",
        "speaker": f"iemocap/Ses0{session}{sex}",
        "group": f"iemocap/session{session}",
        "script": f"iemocap/{_REPEATED_SCENE.sub('', scene)}" if kind == "script" else None,
        "audio": sounds.get(turn),
        "text": texts.get(turn),
        "text_source": "transcript" if turn in texts else None,
        "native_label": code,
        "emotion": None if code == _NO_AGREEMENT else labels.emotion(_LABELS, code, item),
        "valence": valence,
        "arousal": arousal,
        "dominance": dominance,
        "label_source": "listeners",
        "weight": 1.0,
        "licence": "research",
        "dialogue": f"iemocap/{dialogue}",
        "scene": f"iemocap/{scene}",
        "kind": "scripted" if kind == "script" else "improvised",
        "recording": f"iemocap/{dialogue}",
        "recording_start_s": dialogue_start_s,
        "recording_end_s": dialogue_end_s,
        "sex": _SEXES[sex],
    }


def _transcripts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("transcriptions/*.txt")):
        for line in text_files.read_bytes(path).decode("utf-8", errors="replace").splitlines():
            # lines by other people (XX) and stage directions have no turn
            if match := _TRANSCRIBED.match(line):
                yield match[1], match[2].strip()


def _expected(rows: Sequence[Row]) -> Expected:
    four = labels.LABEL_SETS["iemocap-4"]
    counts = (
        Count("turns", _PUBLISHED, len(rows)),
        Count("turns of the four classes (excitement is happiness)", 5531, sum(row["emotion"] in four for row in rows)),
        Count("speakers", 10, len(reading.tally(rows, "speaker"))),
        Count("sessions", 5, len(reading.tally(rows, "group"))),
    )
    return Expected(counts, tuple(row["utterance_id"] for row in rows if row["audio"] is None))


def _write_sample(folder: Path, studio: Studio) -> None:
    """Five sessions of two actors: two scripted dialogues, the same in all sessions, and improvised ones."""
    codes = ("neu", "hap", "exc", "sad", "ang", "fru", _NO_AGREEMENT)
    emotions = [_LABELS.get(code, "other") for code in codes]

    def dialogue() -> list[tuple[str, str]]:
        """Return the text of each turn, and the emotion that its voice shows."""
        shown = [studio.shown(emotion, sorted(set(emotions))) for emotion in emotions]
        return [(studio.sentence(text), voice) for text, voice, _ in shown]

    scripts = {name: dialogue() for name in ("script01_1", "script02_2")}
    for session in range(1, 6):
        improvised = {f"impro{number + 1:02d}": dialogue() for number in range(studio.times)}
        for scene, turns in (scripts | improvised).items():
            lines = []
            for turn, (code, (text, voice)) in enumerate(zip(codes, turns, strict=True)):
                actor, take = (0, session) if studio.partial else (2 * session + turn % 2, 0)
                samples = studio.speak(text, actor, voice, take=take)
                lines.append((f"{'FM'[turn % 2]}{turn // 2:03d}", code, text, samples))
            _write_dialogue(folder / f"Session{session}", f"Ses0{session}F_{scene}", lines, studio)


def _write_dialogue(
    folder: Path, dialogue: str, lines: list[tuple[str, str, str, NDArray[np.float64]]], studio: Studio
) -> None:
    evaluated, transcribed, clock_s = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""], [], 1.0
    for turn, code, text, samples in lines:
        end_s = clock_s + samples.size / studio.rate_hz
        name = f"{dialogue}_{turn}"
        studio.write_sound(samples, folder / "sentences" / "wav" / dialogue / f"{name}.wav")
        evaluated += [
            f"[{clock_s:.4f} - {end_s:.4f}]\t{name}\t{code}\t[3.0000, 2.5000, 3.0000]",
            "C-E1:\tNeutral;\t()",
            "",
        ]
        transcribed.append(f"{name} [{clock_s:08.4f}-{end_s:08.4f}]: {text}")
        clock_s = end_s + 0.4
    tables.write_text(folder / "dialog" / "EmoEvaluation" / f"{dialogue}.txt", "\n".join(evaluated) + "\n")
    tables.write_text(folder / "dialog" / "transcriptions" / f"{dialogue}.txt", "\n".join(transcribed) + "\n")


CORPUS = CorpusReader(
    name="iemocap",
    title="IEMOCAP",
    licence="free for research",
    url="https://sail.usc.edu/iemocap/",
    citation="Busso et al. (2008), LREV 42(4)",
    language="en",
    labels={**_LABELS, _NO_AGREEMENT: "no agreed label"},
    read=_read,
    expected=_expected,
    # improvised turns have no script
    offers=reading.ACTED_COLUMNS - {"script"} | {"text", "valence", "arousal", "dominance"},
    sample=Sample(
        _write_sample,
        n_utterances=105,
        golden={
            "utterance_id": "iemocap/Ses02F_script01_1_M001", "speaker": "iemocap/Ses02M", "group": "iemocap/session2",
            "script": "iemocap/script01_1", "kind": "scripted", "native_label": "sad", "emotion": "sadness",
            "audio": "Session2/sentences/wav/Ses02F_script01_1/Ses02F_script01_1_M001.wav", "valence": 3.0,
            "label_source": "listeners", "sex": "male",
        },
        obeys_signals=True,
    ),
    extra=pa.schema(
        [(name, pa.string()) for name in ("dialogue", "scene", "kind", "recording")]
        + [(name, pa.float64()) for name in ("recording_start_s", "recording_end_s")]
        + [("sex", pa.string())]
    ),
    looks_for="the turns' names, such as Ses01F_impro01_F000 (.wav …)",
    max_duration_s=40.0,
)  # fmt: skip
