"""Ratings as Label Studio tasks, written and read (https://labelstud.io/guide/task_format, …/guide/export).

A task's `data` has the URL under which Label Studio serves a local file, and the segment: utterance_id, video_id,
start_s, end_s, text, and `sampling` where it was drawn at random or proposed. The sound files are in a folder next to
the JSON, since Label Studio's editor does not play data URLs
(https://github.com/HumanSignal/label-studio/issues/4736).

A rating is an annotation with one choice; a skip has `was_cancelled`; the adjudication of a tie has `ground_truth`.
`completed_by` is a Label Studio user: the listener's name if it is an e-mail address, else NAME@undertone.invalid.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasks.annotate.rated_segments import EMAIL_SUFFIX, Adjudication, RatedSegment, Segment, SegmentId, checked_name
from tasks.core import tables, text_files
from tasks.core.errors import InputError
from tasks.labelling.people import ratings

_CONTROL, _OBJECT = "sentiment", "audio"
_MAX_BYTES = 256 << 20
_EXPECTED = "Label Studio's JSON export, a list of tasks"
_TEXTS, _TIMES = ("utterance_id", "video_id", "text"), ("start_s", "end_s")


def config(*, with_text: bool) -> str:
    """Return Label Studio's labelling configuration for the tasks.

    Args:
        with_text: whether the text is shown
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


def write(path: Path, rated: Sequence[RatedSegment], sounds: Mapping[str, bytes]) -> None:
    """Write tasks with annotations atomically, and their sound into `audio_folder(path)`.

    Args:
        path: the JSON file
        rated: segments with or without ratings
        sounds: FLAC by `SegmentId.key`; the task of a segment without sound gets `audio: null`
    """
    folder = audio_folder(path)
    tasks = []
    for number, item in enumerate(rated, start=1):
        url, key = None, item.segment.id.key
        if (sound := sounds.get(key)) is not None:
            file = folder / f"{key}.flac"
            tables.write_bytes(file, sound)
            url = f"/data/local-files/?d={quote(folder.name)}/{file.name}"
        tasks.append(_task(number, item, url))
    tables.write_text(path, json.dumps(tasks, indent=1, ensure_ascii=False) + "\n")


def audio_folder(path: Path) -> Path:
    """Return the folder of the tasks' sound.

    Args:
        path: the JSON file
    """
    return path.with_name(f"{path.stem}-audio")


def read(path: Path) -> list[RatedSegment]:
    """Read Label Studio's JSON export (not JSON-MIN).

    Args:
        path: the JSON file

    Raises:
        InputError: names file, task and error
    """
    return [
        _Task(path, number, task).rated() for number, task in text_files.json_items(path, "task", _EXPECTED, _MAX_BYTES)
    ]


@dataclass(frozen=True)
class _Task:
    """Reader of one task; `number` counts from 1."""

    path: Path
    number: int
    task: Any

    def rated(self) -> RatedSegment:
        data = self._member(self.task, "data", dict, "an object")
        labels: dict[str, str | None] = {}
        adjudication = None
        for position, annotation in enumerate(self._member(self.task, "annotations", list, "a list"), start=1):
            where = f"annotation {position}: "
            name, label = self._name(annotation, where), self._label(annotation, where)
            if annotation.get("ground_truth"):
                if adjudication not in (None, Adjudication(name, label)):
                    raise self._error(f"{where}found a second annotation with ground_truth, expected at most one")
                adjudication = Adjudication(name, label)
            elif labels.setdefault(name, label) != label:
                raise self._error(
                    f"{where}found {label or 'skipped'} by {name}, who already has {labels[name] or 'skipped'}"
                )
        return RatedSegment(self._segment(data), labels, adjudication, sampling=self._sampling(data))

    def _sampling(self, data: Mapping[str, Any]) -> str | None:
        mark = data.get(ratings.SAMPLING)
        if mark is not None and mark not in ratings.SAMPLINGS:
            allowed = ", ".join(ratings.SAMPLINGS)
            raise self._error(f"found data.{ratings.SAMPLING} {_shortened(mark)}, expected one of {allowed}")
        return None if mark is None else str(mark)

    def _segment(self, data: Mapping[str, Any]) -> Segment:
        utterance_id, video, text = (self._member(data, name, str, "a text", "data.") for name in _TEXTS)
        start_s, end_s = (float(self._member(data, name, (int, float), "seconds", "data.")) for name in _TIMES)
        if not (0 <= start_s < end_s and math.isfinite(end_s)):
            raise self._error(
                f"found data.start_s {start_s!r} and data.end_s {end_s!r}, expected the second to be more"
            )
        if not video.startswith(tuple(f"{split}-" for split in tables.SPLITS)):
            raise self._error(f"found data.video_id {text_files.quoted(video)}, expected train-… or test-…")
        return Segment(SegmentId(utterance_id, start_s, end_s), video, text)

    def _name(self, annotation: Any, where: str) -> str:
        user = self._member(annotation, "completed_by", (int, dict), "a user's number or an object with email", where)
        if isinstance(user, int):
            if user < 0:
                raise self._error(f"{where}found completed_by {user}, expected a user's number, which is not negative")
            return f"user-{user}"
        email = self._member(user, "email", str, "a text", f"{where}completed_by.")
        try:
            return checked_name(email.removesuffix(EMAIL_SUFFIX))
        except InputError as error:
            raise self._error(f"{where}completed_by.email: {error}") from None

    def _label(self, annotation: Any, where: str) -> str | None:
        if annotation.get("was_cancelled"):
            return None
        results = self._member(annotation, "result", list, "a list", where)
        ours = [result for result in results if isinstance(result, dict) and result.get("from_name") == _CONTROL]
        value = ours[0].get("value") if len(ours) == 1 else None
        choices = value.get("choices") if isinstance(value, dict) else None
        if not isinstance(choices, list) or len(choices) != 1 or choices[0] not in tables.SENTIMENTS:
            actual = _shortened(choices) if ours else "no result"
            raise self._error(
                f"{where}found {actual} from {_CONTROL!r}, expected one choice of {', '.join(tables.SENTIMENTS)}"
            )
        return str(choices[0])

    def _member(self, parent: Any, name: str, kind: type | tuple[type, ...], words: str, where: str = "") -> Any:
        if not isinstance(parent, dict) or name not in parent:
            raise self._error(f"{where}{name} is missing, expected {words}")
        # bool is a subclass of int: true and false must not pass as numbers
        if not isinstance(parent[name], kind) or isinstance(parent[name], bool):
            raise self._error(f"{where}{name}: found {_shortened(parent[name])}, expected {words}")
        if isinstance(parent[name], str) and not text_files.is_storable(parent[name]):
            raise self._error(f"{where}{name}: found {parent[name][:80]!a}, expected a text of whole characters")
        return parent[name]

    def _error(self, what: str) -> InputError:
        number = self.task.get("id") if isinstance(self.task, dict) else None
        return InputError(
            f"{self.path}: task {self.number}{'' if number is None else f' (id {_shortened(number)})'}: {what}"
        )


def _task(number: int, rated: RatedSegment, url: str | None) -> dict[str, Any]:
    segment = rated.segment
    annotations = [_annotation(name, label, ground_truth=False) for name, label in rated.ratings.items()]
    if rated.adjudication:
        annotations.append(_annotation(rated.adjudication.by, rated.adjudication.label, ground_truth=True))
    return {
        "id": number,
        "data": {
            "audio": url,
            "utterance_id": segment.id.utterance_id,
            "video_id": segment.video_id,
            "start_s": segment.id.start_s,
            "end_s": segment.id.end_s,
            "text": segment.text,
            **({ratings.SAMPLING: rated.sampling} if rated.sampling else {}),
        },
        "annotations": annotations,
        # no predictions: listeners must not see the weak label
        "predictions": [],
    }


def _annotation(name: str, label: str | None, *, ground_truth: bool) -> dict[str, Any]:
    chosen = {"from_name": _CONTROL, "to_name": _OBJECT, "type": "choices", "value": {"choices": [label]}}
    return {
        "completed_by": {"email": name if "@" in name else f"{name}{EMAIL_SUFFIX}"},
        "result": [] if label is None else [chosen],
        "was_cancelled": label is None,
        "ground_truth": ground_truth,
    }


def _shortened(value: object) -> str:
    try:
        return text_files.shown(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return "lists in lists"
