"""Votes as Label Studio's tasks, and back (https://labelstud.io/guide/task_format, …/guide/export).

A task's `data` has the address that Label Studio serves a local file under, and what tells the segment: utterance_id,
video_id, start_s, end_s, text. The files lie in a folder beside the JSON (its editor does not play data URLs:
https://github.com/HumanSignal/label-studio/issues/4736).

A vote is an annotation with one choice; a skip is `was_cancelled`; a verdict on a tie is the annotation that is marked
`ground_truth`. `completed_by` is a user of Label Studio: a listener named like an address goes by it, another one by
NAME@undertone.invalid.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasks.annotate.rated_segments import NOBODY, Adjudication, RatedSegment, Segment, SegmentId, listener
from tasks.core import tables
from tasks.core.errors import InputError

_CONTROL, _OBJECT = "sentiment", "audio"
_TEXTS, _TIMES = ("utterance_id", "video_id", "text"), ("start_s", "end_s")


def config(*, with_text: bool) -> str:
    """Return the labelling configuration that the tasks are made for.

    Args:
        with_text: whether the words are shown beside the sound
    """
    choices = "".join(
        f'    <Choice value="{name}" hotkey="{number}"/>\n' for number, name in enumerate(tables.SENTIMENTS, start=1)
    )
    return (
        "<View>\n"
        f'  <Audio name="{_OBJECT}" value="$audio"/>\n'
        + ('  <Text name="text" value="$text"/>\n' if with_text else "")
        + f'  <Choices name="{_CONTROL}" toName="{_OBJECT}" choice="single" showInline="true" required="true">\n'
        f"{choices}"
        "  </Choices>\n"
        "</View>\n"
    )


def write(path: Path, ballots: Sequence[RatedSegment], sounds: Mapping[str, bytes]) -> None:
    """Write tasks with their annotations, whole, and their sound into `audio_folder(path)`.

    Args:
        path: the JSON file
        ballots: segments, with or without votes
        sounds: FLAC by `SegmentId.key`; a segment that is no longer cut like this has none, and its task `audio: null`
    """
    folder = audio_folder(path)
    tasks = []
    for number, one in enumerate(ballots, start=1):
        address = None
        if (sound := sounds.get(one.segment.span.key)) is not None:
            file = folder / f"{one.segment.span.key}.flac"
            tables.write_bytes(file, sound)
            address = f"/data/local-files/?d={quote(folder.name)}/{file.name}"
        tasks.append(_task(number, one, address))
    tables.write_text(path, json.dumps(tasks, indent=1, ensure_ascii=False) + "\n")


def audio_folder(path: Path) -> Path:
    """Return where the sound of a file of tasks lies."""
    return path.with_name(f"{path.stem}-audio")


def read(path: Path) -> list[RatedSegment]:
    """Read tasks with their annotations, as Label Studio exports them (JSON, not JSON-MIN).

    Raises:
        InputError: naming file, task and what is wrong
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON in UTF-8 ({error})") from None
    if not isinstance(tasks, list):
        raise InputError(f"{path}: found {_named(tasks)}, expected Label Studio's JSON export, a list of tasks")
    return [_Task(path, number, task).ballot() for number, task in enumerate(tasks, start=1)]


@dataclass(frozen=True)
class _Task:
    """A task that is read; `number` counts from 1."""

    path: Path
    number: int
    task: Any

    def ballot(self) -> RatedSegment:
        data = self._member(self.task, "data", dict, "an object")
        votes: dict[str, str | None] = {}
        verdict = None
        for place, annotation in enumerate(self._member(self.task, "annotations", list, "a list"), start=1):
            where = f"annotation {place}: "
            name, label = self._name(annotation, where), self._label(annotation, where)
            if annotation.get("ground_truth"):
                if verdict not in (None, Adjudication(name, label)):
                    raise self._wrong(f"{where}a second one that is marked ground_truth; expected one verdict")
                verdict = Adjudication(name, label)
            elif votes.setdefault(name, label) != label:
                raise self._wrong(f"{where}{name} says {label or 'skipped'}, and {votes[name] or 'skipped'} before")
        return RatedSegment(self._segment(data), votes, verdict)

    def _segment(self, data: Mapping[str, Any]) -> Segment:
        one, video, text = (self._member(data, name, str, "a text", "data.") for name in _TEXTS)
        start_s, end_s = (float(self._member(data, name, (int, float), "seconds", "data.")) for name in _TIMES)
        if not (0 <= start_s < end_s and math.isfinite(end_s)):
            raise self._wrong(
                f"found data.start_s {start_s!r} and data.end_s {end_s!r}, expected the second to be more"
            )
        if not video.startswith(tuple(f"{split}-" for split in tables.SPLITS)):
            raise self._wrong(f"found data.video_id {video!r}, expected train-… or test-…")
        return Segment(SegmentId(one, start_s, end_s), video, text)

    def _name(self, annotation: Any, where: str) -> str:
        who = self._member(annotation, "completed_by", (int, dict), "a user's number or an object with email", where)
        if isinstance(who, int):
            return f"user-{who}"
        email = self._member(who, "email", str, "a text", f"{where}completed_by.")
        try:
            return listener(email.removesuffix(NOBODY))
        except InputError as error:
            raise self._wrong(f"{where}completed_by.email: {error}") from None

    def _label(self, annotation: Any, where: str) -> str | None:
        if annotation.get("was_cancelled"):
            return None
        results = self._member(annotation, "result", list, "a list", where)
        mine = [one for one in results if isinstance(one, dict) and one.get("from_name") == _CONTROL]
        value = mine[0].get("value") if len(mine) == 1 else None
        choices = value.get("choices") if isinstance(value, dict) else None
        if not isinstance(choices, list) or len(choices) != 1 or choices[0] not in tables.SENTIMENTS:
            found = _named(choices) if mine else "no result"
            raise self._wrong(
                f"{where}found {found} from {_CONTROL!r}, expected one choice of {', '.join(tables.SENTIMENTS)}"
            )
        return str(choices[0])

    def _member(self, of: Any, name: str, kind: type | tuple[type, ...], words: str, where: str = "") -> Any:
        if not isinstance(of, dict) or name not in of:
            raise self._wrong(f"{where}{name} is missing, expected {words}")
        # JSON's true and false are numbers to Python
        if not isinstance(of[name], kind) or isinstance(of[name], bool):
            raise self._wrong(f"{where}{name}: found {_named(of[name])}, expected {words}")
        return of[name]

    def _wrong(self, what: str) -> InputError:
        number = self.task.get("id") if isinstance(self.task, dict) else None
        return InputError(f"{self.path}: task {self.number}{'' if number is None else f' (id {number})'}: {what}")


def _task(number: int, ballot: RatedSegment, address: str | None) -> dict[str, Any]:
    segment, span = ballot.segment, ballot.segment.span
    said = [_annotation(name, label, verdict=False) for name, label in ballot.votes.items()]
    if ballot.verdict:
        said.append(_annotation(ballot.verdict.by, ballot.verdict.label, verdict=True))
    return {
        "id": number,
        "data": {
            "audio": address,
            "utterance_id": span.utterance_id,
            "video_id": segment.video_id,
            "start_s": span.start_s,
            "end_s": span.end_s,
            "text": segment.text,
        },
        "annotations": said,
        "predictions": [],
    }


def _annotation(name: str, label: str | None, *, verdict: bool) -> dict[str, Any]:
    chosen = {"from_name": _CONTROL, "to_name": _OBJECT, "type": "choices", "value": {"choices": [label]}}
    return {
        "completed_by": {"email": name if "@" in name else f"{name}{NOBODY}"},
        "result": [] if label is None else [chosen],
        "was_cancelled": label is None,
        "ground_truth": verdict,
    }


def _named(value: object) -> str:
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= 80 else f"{words[:80]}…"
