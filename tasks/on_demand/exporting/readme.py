"""README.md of an export: its description for people; text from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from tasks.core import distribution
from tasks.on_demand.exporting.export_format import DataCard, Export, Source

FILE = "README.md"
SOURCES = "sources.csv"
_MAX_SOURCES = 20
_MEANINGS = {
    "utterance_id": "unique id, `corpus/…`",
    "label": "the label to learn; empty: none",
    "split": "official part",
    "speaker": "speaker, with the corpus's name before it; empty: unknown",
    "weight": "probability of the label, or agreement of raters, 0 to 1",
    "text": "words",
    "duration_s": "duration of the sound in seconds",
    "corpus": "name of the corpus",
    "language": "ISO 639-1",
    "turn": "number in its group",
    "text_source": "origin of the words: manual, automatic, transcript, recognised",
    "emotion": "emotion, in undertone's words",
    "sentiment": "negative, neutral or positive",
    "group": "video, dialogue or session: keep it on one side of a split",
    "script": "sentence or script that was read",
    "source_audio": "media file that the sound was cut from",
    "source_video": "file with the picture",
    "start_s": "start in that file, in seconds",
    "end_s": "end in that file, in seconds",
    "native_label": "the corpus's own code",
    "label_source": "who labelled: corpus, consensus (of lexicons), model, listeners",
    "licence": "licence of the recording",
    "vote": "what the lexicons say, also where that is too unsure for a label",
    "listeners": "the listeners' majority, or the adjudicated label",
    "ratings": "label of each listener, as JSON",
    "fold": "test fold of the row",
    "predicted": "predicted class",
}


def text(export: Export, layout: Sequence[str]) -> str:
    """Return the description of an export as Markdown.

    Args:
        export: the rows and their card
        layout: lines about the files of the format
    """
    card = export.card
    sections = {
        "Files": _bullets(layout),
        "Columns": _columns(export.table),
        "Sources and licences": _sources(card),
        "From the sources to these rows": card.funnel,
        "Protocol": _bullets(card.protocol),
        "Labels": _bullets(card.labels),
        "Known limits": _bullets(card.limits),
    }
    body = "".join(f"\n## {title}\n\n{content.strip()}\n" for title, content in sections.items())
    parts = ", ".join(f"{n:,} in `{name}`" for name, n in export.splits.items())
    n_sound = len(export.with_sound)
    return (
        f"# {escaped(card.title)}\n\n{export.table.num_rows:,} utterances ({parts}), {n_sound:,} with sound. "
        f"Written by {distribution.NAME} {distribution.version()}.\n{body}"
    )


def escaped(content: str) -> str:
    """Return a text from outside as one line of Markdown, without markup.

    Args:
        content: any text
    """
    return re.sub(r"([\\`*_\[\]<>|#~$])", r"\\\1", " ".join(content.split()))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)


def _columns(table: pa.Table) -> str:
    rows = [
        f"| `{name}` | {table.schema.field(name).type} | {_MEANINGS.get(name, '')} |" for name in table.column_names
    ]
    return "\n".join(["| column | type | meaning |", "| --- | --- | --- |", *rows])


def _sources(card: DataCard) -> str:
    rows = "\n".join(_source_rows(card.sources[:_MAX_SOURCES]))
    more = len(card.sources) - _MAX_SOURCES
    rest = f"\n\n{more:,} more are in `{SOURCES}`." if more > 0 else ""
    cited = [f"{escaped(source.title)}: {escaped(source.citation)}" for source in card.sources if source.citation]
    citations = "\n\nCite:\n\n" + _bullets(cited) if cited else ""
    return (
        "Each source keeps its licence; check that it allows what you plan, such as passing the data on.\n\n"
        f"| source | title | address | licence | rows |\n| --- | --- | --- | --- | ---: |\n{rows}{rest}{citations}"
    )


def _source_rows(sources: Iterable[Source]) -> Iterator[str]:
    for source in sources:
        cells = (source.name, source.title, source.url, source.licence)
        yield f"| {' | '.join(escaped(cell) for cell in cells)} | {source.n:,} |"
