"""IEMOCAP: ten actors in five sessions, scripted and improvised dialogues; 10,039 turns with emotion and V/A/D.

Busso et al. (2008), "IEMOCAP: interactive emotional dyadic motion capture database", Language Resources and Evaluation
42(4). From https://sail.usc.edu/iemocap/, on request; free for research. In each of `Session1` to `Session5`:
`dialog/EmoEvaluation/*.txt` (a line a turn: times, turn, label, valence, arousal, dominance),
`dialog/transcriptions/*.txt` (`Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`), `sentences/wav/*/*.wav`.

Quirks: the `F` of `Ses01F` is who wears the markers; who speaks stands at the end of the turn (`_F000`). `xxx` has no
agreed label and `oth` an other one. Scripts repeat across sessions, so a model of words that has seen them scores too
high; some scenes were played twice (`Ses05F_script01_1b`), which is the same script. The 4-class figures of the field
merge `exc` into `hap` (label set `iemocap-4`): 5,531 turns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core.errors import InputError, Rejected
from tasks.core.memo import Reject
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Count, Expected, Reading, Row

_LABELS = {
    "neu": "neutral", "hap": "happiness", "sad": "sadness", "ang": "anger", "fru": "frustration", "exc": "excitement",
    "fea": "fear", "sur": "surprise", "dis": "disgust", "oth": "other",
}  # fmt: skip
_NO_AGREEMENT = "xxx"
_EVALUATED = re.compile(r"\[(\S+) - (\S+)\]\t(\S+)\t(\S+)\t\[(\S+), (\S+), (\S+)\]")
_TRANSCRIBED = re.compile(r"(Ses\d\d[FM]_\S+)(?: \[[^\]]*\])?:\s*(.*)")
_TURN = re.compile(r"(Ses0([1-5])[FM]_(impro|script)(\d\d\w*))_([FM])(?:X+)?\d+")
_AGAIN = re.compile(r"(?<=\d)[a-z]$")
_PUBLISHED = 10_039


def read(folder: Path) -> Reading:
    """Read every session below a folder.

    Raises:
        InputError: if there is no evaluation in it
    """
    evaluations = [path for path in sorted(folder.rglob("EmoEvaluation/*.txt")) if not path.name.startswith(".")]
    if not evaluations:
        raise InputError(f"{folder}: no Session*/dialog/EmoEvaluation/*.txt in it or below")
    texts = dict(_transcripts(folder))
    sounds = {path.stem: reading.relative(path, folder) for path in reading.media(folder) if _TURN.fullmatch(path.stem)}
    rows, rejects = [], []
    for path in evaluations:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if not line.startswith("["):
                continue
            where = f"{reading.relative(path, folder)}:{number}"
            try:
                rows.append(_row(line, where, texts, sounds))
            except Rejected as error:
                rejects.append(Reject(where, error.reason, error.detail))
    known = {row["native_turn"] for row in rows}
    rejects += [Reject(sounds[one], "no row names it") for one in sorted(sounds.keys() - known)]
    return Reading(tuple({k: v for k, v in row.items() if k != "native_turn"} for row in rows), tuple(rejects))


def _row(line: str, where: str, texts: dict[str, str], sounds: dict[str, str]) -> Row:
    if (found := _EVALUATED.match(line)) is None:
        # the header of every file is such a line too
        raise Rejected("not an evaluation", f"{where}: {line[:60]!r}")
    start, end, turn, code, *vad = found.groups()
    if (name := _TURN.fullmatch(turn)) is None:
        raise Rejected("not a turn of IEMOCAP's", f"{where}: {turn}")
    try:
        valence, arousal, dominance = map(float, vad)
        dialogue_start_s, dialogue_end_s = float(start), float(end)
    except ValueError:
        raise Rejected("no number", f"{where}: {line[:80]!r}") from None
    dialogue, session, kind, script, sex = name.groups()
    scene = f"{kind}{script}"
    return {
        "native_turn": turn,
        "utterance_id": f"iemocap/{turn}",
        "corpus": "iemocap",
        "language": "en",
        "speaker": f"iemocap/Ses0{session}{sex}",
        "group": f"iemocap/session{session}",
        "script": f"iemocap/{_AGAIN.sub('', scene)}" if kind == "script" else None,
        "audio": sounds.get(turn),
        "text": texts.get(turn),
        "text_source": "transcript" if turn in texts else None,
        "native_label": code,
        "emotion": None if code == _NO_AGREEMENT else labels.emotion(_LABELS, code, where),
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
    }


def _transcripts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("transcriptions/*.txt")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            # lines by others (XX) and directions carry no turn
            if found := _TRANSCRIBED.match(line):
                yield found[1], found[2].strip()


def _expected(rows: Sequence[Row]) -> Expected:
    four = labels.LABEL_SETS["iemocap-4"]
    counts = (
        Count("turns", _PUBLISHED, len(rows)),
        Count("turns of the four classes (excitement is happiness)", 5531, sum(row["emotion"] in four for row in rows)),
        Count("speakers", 10, len(reading.tally(rows, "speaker"))),
        Count("sessions", 5, len(reading.tally(rows, "group"))),
    )
    return Expected(counts, tuple(row["utterance_id"] for row in rows if row["audio"] is None))


CORPUS = Corpus(
    name="iemocap",
    title="IEMOCAP",
    licence="free for research",
    url="https://sail.usc.edu/iemocap/",
    citation="Busso et al. (2008), LREV 42(4)",
    language="en",
    labels={**_LABELS, _NO_AGREEMENT: "no agreed label"},
    read=read,
    expected=_expected,
    extra=pa.schema(
        [(name, pa.string()) for name in ("dialogue", "scene", "kind", "recording")]
        + [(name, pa.float64()) for name in ("recording_start_s", "recording_end_s")]
    ),
    max_duration_s=40.0,
)
