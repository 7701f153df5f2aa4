"""Facts about exported data for its card: sources and licences, losses, protocol, label quality, limits."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import artifacts, paths, tables
from tasks.core.config import Config
from tasks.core.errors import UndertoneError
from tasks.corpora.readers import pool, registry
from tasks.corpora.readers.reading import CorpusReader
from tasks.on_demand.exporting.export_format import UNSPLIT, DataCard, Source
from tasks.on_demand.exporting.selection import LABEL, Selection
from tasks.pages.weak import funnel, inputs, protocol_text

_UNSTATED = "not stated"
_SOUND = (
    "Sound is 16 kHz, mono, 16 bit, as undertone's features and models read it; the originals may have a higher "
    "sampling rate and more channels."
)
_TEXT_LABELS = (
    "Labels of interviews are derived from the text by lexicons: they say what the words express, not what a listener "
    "hears in the voice."
)
_SIMULATED = "The data is simulated, to try programs. Scores on it mean nothing."


def describe(selection: Selection, config: Config) -> DataCard:
    """Return the card of exported rows.

    Args:
        selection: the rows
        config: all settings
    """
    note = artifacts.read_json(paths.reading(selection.corpus))
    readers = _readers(selection, config)
    simulated = bool(note.get("simulated"))
    title = " and ".join(reader.title for reader in readers) + (" (simulated)" if simulated else "")
    if selection.experiment:
        title = f"Predictions of {selection.experiment} on {title}"
    is_interviews = config.corpora[selection.corpus].is_interviews
    losses, limits = _of_interviews(selection, config) if is_interviews else _of_corpus(selection, note, readers)
    return DataCard(
        title=title,
        simulated=simulated,
        languages=_values(selection.table, "language"),
        sources=tuple(_videos(selection) if is_interviews else _corpora(selection, readers, simulated)),
        funnel=losses + _exported(selection),
        protocol=tuple(_protocol(selection)),
        labels=tuple(_label_facts(selection, config, is_interviews)),
        limits=(*([_SIMULATED] if simulated else []), *limits, _SOUND),
    )


def _readers(selection: Selection, config: Config) -> list[CorpusReader]:
    """Return the readers that the rows come from; those of its corpora for a pool."""
    reader = config.corpora[selection.corpus].reader
    if reader != pool.NAME:
        return [registry.corpus(reader)]
    return [registry.corpus(name) for name in _values(selection.table, "corpus") if name in registry.names()]


def _corpora(selection: Selection, readers: Iterable[CorpusReader], simulated: bool) -> Iterator[Source]:
    counts = Counter(selection.table["corpus"].to_pylist())
    readers = list(readers)
    for reader in readers:
        n = counts[reader.name] if len(readers) > 1 else selection.table.num_rows
        if simulated:
            yield Source(reader.name, f"{reader.title} (simulated by undertone)", "", "simulated", "", n)
        else:
            yield Source(reader.name, reader.title, reader.url, reader.licence, reader.citation, n)


def _videos(selection: Selection) -> Iterator[Source]:
    """Yield the videos that rows come from, sorted by id."""
    counts = Counter(selection.table["group"].to_pylist())
    videos = {row["video_id"]: row for row in tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()}
    for name in sorted(counts):
        video = videos.get(name, {})
        licence = video.get("licence") or _UNSTATED
        yield Source(name, video.get("title") or "", video.get("url") or "", licence, "", counts[name])


def _of_interviews(selection: Selection, config: Config) -> tuple[str, tuple[str, ...]]:
    """Return the report's funnel as Markdown, and the report's limits."""
    try:
        results = inputs.read(config.report.experiment)
        rows = funnel.funnel(results)
    except UndertoneError as error:
        return f"The report's funnel could not be read: {error}\n", (_TEXT_LABELS,)
    return funnel.markdown(rows), (_TEXT_LABELS, *protocol_text.limits(rows, results))


def _of_corpus(
    selection: Selection, note: Mapping[str, Any], readers: Iterable[CorpusReader]
) -> tuple[str, tuple[str, ...]]:
    """Return what reading a corpus left out as Markdown, and the problems that its reader knows."""
    rejected = tables.read(paths.rejected(f"corpus@{selection.corpus}"), tables.REJECTED)
    counts = Counter(rejected["reason"].to_pylist())
    lines = ["| step | number |", "| --- | ---: |"]
    lines += [f"| … rejected: {_cell(reason)} | −{n:,} |" for reason, n in sorted(counts.items())]
    lines += [f"| **utterances in the table** | {note['n_utterances']:,} |"]
    lines += [f"| … with sound | {note['n_with_sound']:,} |"]
    return "\n".join(lines) + "\n", tuple(text for reader in readers if (text := _known_problems(reader.name)))


def _exported(selection: Selection) -> str:
    n, parts = selection.table.num_rows, []
    if selection.experiment:
        parts.append("Exported are the utterances that the experiment tested.")
    if n < selection.n_rows:
        parts.append(f"{selection.n_rows - n:,} of {selection.n_rows:,} rows have no label and are left out.")
    return "\n" + " ".join([*parts, f"{n:,} rows are exported."]) + "\n"


def _known_problems(reader: str) -> str:
    """Return the paragraph on known problems in a reader's documentation."""
    text = import_module(registry.module(reader)).__doc__ or ""
    match = re.search(r"Known problems: (.*?)(\n\n|\Z)", text, re.DOTALL)
    return f"{registry.corpus(reader).title}: {' '.join(match[1].split())}" if match else ""


def _protocol(selection: Selection) -> Iterator[str]:
    table = selection.table
    if selection.experiment:
        metrics = artifacts.read_json(paths.experiment(selection.experiment) / "results.json")
        leaky = "" if not metrics["leaky"] else " The scores are too high."
        yield f"Protocol of the experiment: {metrics['protocol']}. {metrics['protocol_in_words']}{leaky}"
        yield "`fold` is the fold in whose test part a row is: the model that predicted it was not trained on it."
    parts = [name or "" for name in table["split"].to_pylist()]
    names = sorted(set(parts))
    if names == [""]:
        advice = "" if selection.experiment else " Split it by speaker or group, so that neither is on both sides."
        yield f"The corpus has no official split: all rows are in one part, `{UNSPLIT}`.{advice}"
        return
    yield "Parts: " + ", ".join(f"{name or UNSPLIT} {parts.count(name):,}" for name in names) + "."
    for column, what in (("group", "groups (videos, dialogues, sessions)"), ("speaker", "speakers")):
        if column in table.column_names and table[column].null_count < table.num_rows and len(names) > 1:
            parts_of = defaultdict(set)
            for value, part in zip(table[column].to_pylist(), parts, strict=True):
                if value is not None:
                    parts_of[value].add(part)
            shared = sum(len(of_value) > 1 for of_value in parts_of.values())
            yield f"{shared:,} of {len(parts_of):,} {what} occur in more than one part."
    if table["speaker"].null_count == table.num_rows:
        yield "Speakers are not known: the same person may be in several parts."


def _label_facts(selection: Selection, config: Config, is_interviews: bool) -> Iterator[str]:
    table = selection.table
    if selection.target is None:
        yield "There is no single label; see the columns."
    else:
        given = table.num_rows - table[LABEL].null_count
        yield f"`{LABEL}` is the column `{selection.target}`; {given:,} of {table.num_rows:,} rows have one."
    if selection.classes:
        counts = Counter(table[LABEL].drop_null().to_pylist())
        yield "Classes: " + ", ".join(f"{name} {counts[name]:,}" for name in selection.classes) + "."
    if "label_source" in table.column_names:
        counts = Counter(table["label_source"].drop_null().to_pylist())
        yield "Origin of the labels: " + ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items())) + "."
    weights = table["weight"].drop_null()
    if len(weights):
        low, high = pc.min(weights).as_py(), pc.max(weights).as_py()
        extent = f"between {low:.2f} and {high:.2f}" if low < high else f"{low:g} wherever there is one"
        yield f"`weight`, the probability or the agreement behind a label, is {extent}."
    if is_interviews:
        yield from _votes(config)
    if selection.experiment:
        yield from _scores(selection.experiment)


def _votes(config: Config) -> Iterator[str]:
    """Yield how labels of interviews are made, and how they compare with listeners."""
    yield from (text for name, text in protocol_text.labels(config) if name == "Labels")
    if not paths.LABELS.is_file():
        yield "The quality of the labels was not measured: undertone run labels."
        return
    quality = artifacts.read_json(paths.LABELS)
    yield f"{quality['coverage']:.1%} of the utterances of suitable length have a label."
    used = next((row for row in quality["combinations"] if row["used"]), None)
    scores = (used or {}).get("covered")
    if quality["n_heard"] and scores:
        yield f"Against listeners ({quality['n_heard']:,} utterances): {_numbers(scores)}."
    else:
        yield "No listener has rated the utterances: the quality of the labels is not measured."


def _scores(experiment: str) -> Iterator[str]:
    metrics = artifacts.read_json(paths.experiment(experiment) / "results.json")
    yield f"Scores of the experiment ({metrics['n']:,} test utterances): {_numbers(metrics['scores'])}."
    for name, scores in metrics["baselines"].items():
        yield f"Scores of the baseline {name}: {_numbers(scores)}."


def _numbers(scores: Mapping[str, Any]) -> str:
    """Return scores in words, with their intervals where they have one."""
    texts = []
    for name, entry in scores.items():
        value = entry.get("value") if isinstance(entry, Mapping) else entry
        if isinstance(value, float):
            bounds = isinstance(entry, Mapping) and entry.get("low") is not None
            interval = f" ({entry['low']:.3f} to {entry['high']:.3f})" if bounds else ""
            texts.append(f"{name} {value:.3f}{interval}")
    return ", ".join(texts)


def _values(table: pa.Table, column: str) -> tuple[str, ...]:
    if column not in table.column_names:
        return ()
    return tuple(sorted(pc.unique(table[column].drop_null()).to_pylist()))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
