"""Types of an export: what is exported, and a format that writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_demand.exporting import file_names

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

UNSPLIT = "full"
"""Name of the part of rows without a split."""


@dataclass(frozen=True)
class ExportedSound:
    """Sound of one row: mono, 16 bit, 16 kHz, shape (n_samples,); `row` is its number in the table."""

    row: int
    samples: NDArray[np.int16]
    rate_hz: int


@dataclass(frozen=True)
class Source:
    """Origin of exported rows: a crawled video, or a published corpus; `n` rows come from it."""

    name: str
    title: str
    url: str
    licence: str
    citation: str
    n: int


@dataclass(frozen=True)
class DataCard:
    """Description of exported data for its reader.

    Args:
        title: of the data
        simulated: whether undertone generated the data
        languages: ISO 639-1 codes that occur
        sources: where rows come from
        funnel: Markdown: what was lost from the sources to these rows
        protocol: sentences about the splits
        labels: sentences about the labels and their quality
        limits: sentences about what the data cannot be used for
    """

    title: str
    simulated: bool
    languages: tuple[str, ...]
    sources: tuple[Source, ...]
    funnel: str
    protocol: tuple[str, ...]
    labels: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True)
class Export:
    """The rows of an export, without their sound.

    Args:
        name: of the corpus or experiment
        table: one row per utterance; sorted so that rows of one media file are adjacent
        names: name of each row's sound file without its ending; "" for rows without sound
        classes: classes of the column `label`, sorted; none if it holds numbers
        encoding: of the sound: flac or wav
        card: description of the data
        sounds: yields the sound of each row that has some, in the order of the table
    """

    name: str
    table: pa.Table
    names: Sequence[str]
    classes: tuple[str, ...]
    encoding: str
    card: DataCard
    sounds: Callable[[], Iterator[ExportedSound]] = field(repr=False)

    def file(self, row: int) -> str:
        """Return the name of a row's sound file; "" for none.

        Args:
            row: its number in the table
        """
        return f"{self.names[row]}.{self.encoding}" if self.names[row] else ""

    @property
    def splits(self) -> dict[str, int]:
        """Name of each part → number of its rows, sorted by name: train first, test last."""
        order = {"train": -1, "test": 1}
        counts: dict[str, int] = {}
        for name in self.split_of_rows:
            counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items(), key=lambda entry: (order.get(entry[0], 0), entry[0])))

    @property
    def parts(self) -> dict[str, str]:
        """Name of each part → a name of letters, digits and `_`, which all formats accept."""
        return file_names.unique(self.splits, lambda name: re.sub(r"\W", "_", name, flags=re.ASCII))

    @property
    def split_of_rows(self) -> list[str]:
        """The part of each row; `UNSPLIT` for rows without a split."""
        return [name or UNSPLIT for name in self.table["split"].to_pylist()]

    @property
    def with_sound(self) -> list[int]:
        """Numbers of the rows that have sound."""
        return [row for row, name in enumerate(self.names) if name]


@dataclass(frozen=True)
class ExportFormat:
    """A format that rows can be exported in.

    Args:
        name: of the command
        summary: first line of the command's help
        encoding: of the sound, if the user chooses none
        write: writes an export into an empty folder; returns notes for the user
        needs_sound: whether rows without sound are left out
    """

    name: str
    summary: str
    encoding: str
    write: Callable[[Path, Export], Sequence[str]]
    needs_sound: bool = False


def plain(value: Any) -> Any:
    """Return a cell's value as text or number, for formats without nested types; maps and lists become JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple | dict | Mapping) else value
