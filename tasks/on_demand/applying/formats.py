"""Files of scored utterances: CSV, JSON lines, WebVTT, Audacity labels and Parquet; text is escaped for each."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from tasks.core import artifacts, tables
from tasks.on_demand.applying.scored import ScoredUtterance

PICTURE = "png"
Rows = Sequence[ScoredUtterance]


@dataclass(frozen=True)
class Origin:
    """The medium and the experiment of some rows: columns of the formats whose files may be joined.

    `language` of the medium is "" if it is unknown; `warnings` are reasons to doubt its scores.
    """

    source: str
    experiment: str
    language: str = ""
    warnings: tuple[str, ...] = ()


def write(rows: Rows, origin: Origin, path: Path, name: str) -> None:
    """Write rows as one of `ENDINGS`, atomically.

    Args:
        rows: at least one
        origin: of the rows
        path: the file
        name: of the format
    """
    _WRITERS[name](rows, origin, path)


def _csv(rows: Rows, _: Origin, path: Path) -> None:
    tables.write_csv(path, [{name: _cell(value) for name, value in flat(row).items()} for row in rows])


def flat(row: ScoredUtterance) -> dict[str, Any]:
    """Return a row with one column per class; scores only where there are no probabilities.

    Args:
        row: a scored utterance
    """
    kind = "probability" if row.probabilities else "score"
    return {
        "start_s": row.start_s,
        "end_s": row.end_s,
        "predicted": row.predicted,
        "probability": row.probability,
        "unsure": row.unsure,
        **{f"{kind} {name}": value for name, value in row.drawn.items()},
        "novelty": row.novelty,
        "outside": row.outside,
        "text": row.text,
    }


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else value


def _json_lines(rows: Rows, origin: Origin, path: Path) -> None:
    objects = ({**asdict(origin), **asdict(row)} for row in rows)
    tables.write_text(path, "".join(f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in objects))


def _parquet(rows: Rows, origin: Origin, path: Path) -> None:
    columns: dict[str, list[Any]] = {}
    for row in rows:
        fields: dict[str, Any] = {**asdict(origin), "warnings": "; ".join(origin.warnings), **asdict(row)}
        for name, kind in (("probabilities", "probability"), ("scores", "score")):
            fields |= {f"{kind} {key}": value for key, value in fields.pop(name).items()}
        for name, value in fields.items():
            columns.setdefault(name, []).append(value)
    types = {"probability": pa.float64(), "unsure": pa.bool_(), "novelty": pa.float64(), "outside": pa.bool_()}
    arrays = {name: pa.array(values, types.get(name)) for name, values in columns.items()}
    with tables.whole(path) as part:
        artifacts.write_parquet(pa.table(arrays), part)


def _vtt(rows: Rows, origin: Origin, path: Path) -> None:
    head = f"WEBVTT\n\nNOTE {_escaped(origin.source)}, scored by {_escaped(origin.experiment)}\n"
    cues = (
        f"{_clock(row.start_s)} --> {_clock(row.end_s)}\n"
        + "\n".join(_escaped(line) for line in (row.in_words, row.text) if line.strip())
        + "\n"
        for row in rows
    )
    tables.write_text(path, "\n".join([head, *cues]))


def _escaped(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False)


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"


def _audacity(rows: Rows, _: Origin, path: Path) -> None:
    lines = []
    for row in rows:
        # tabs separate columns, and line breaks rows
        label = " ".join(f"{row.in_words}: {row.text}".split()).removesuffix(":")
        lines.append(f"{row.start_s:.6f}\t{row.end_s:.6f}\t{label}\n")
    tables.write_text(path, "".join(lines))


_WRITERS: Mapping[str, Callable[[Rows, Origin, Path], None]] = MappingProxyType(
    {"csv": _csv, "jsonl": _json_lines, "vtt": _vtt, "audacity": _audacity, "parquet": _parquet}
)
ENDINGS: Mapping[str, str] = MappingProxyType(
    {"csv": ".csv", "jsonl": ".jsonl", "vtt": ".vtt", "audacity": ".labels.txt", "parquet": ".parquet", PICTURE: ".png"}
)
"""Format → ending of its files."""
