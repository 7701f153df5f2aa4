"""Features of media files anywhere: a row for each file or utterance, in a Parquet or CSV file."""

from __future__ import annotations

import json
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import os_errors, tables
from tasks.core.errors import InputError, NotEnoughData, UndertoneError
from tasks.features.base import registry
from tasks.features.base.settings import settings_of
from tasks.on_demand.applying.intake import Source

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from tasks.core.config import Config
    from tasks.core.results import Reject
    from tasks.experiments.plan import FeatureSet
    from tasks.on_demand.applying.intake import Medium
    from tasks.on_demand.applying.utterances import Cutting, NewUtterance

ENDINGS = (".parquet", ".csv")
_AHEAD = 3
"""Files that are decoded while another one's features are computed."""
_SHORTEST_S, _LONGEST_S = 0.1, 1e9


@dataclass(frozen=True)
class ExtractedFile:
    """Features of a file.

    Args:
        source: the file
        rows: `file`, `start_s`, `end_s`, for sequences `step` and `time_s`, then a column for each feature; None if the
            file cannot be used
        problem: why it cannot be used
        rejects: utterances that cannot be used
    """

    source: str
    rows: pa.Table | None
    problem: str = ""
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True)
class Summary:
    """Numbers of files and rows written, and (file or utterance, reason) of those that cannot be used."""

    n_files: int
    n_rows: int
    n_features: int
    unusable: tuple[tuple[str, str], ...]


def feature_set(extractor: str, settings: Mapping[str, Any] | None = None) -> FeatureSet:
    """Return an extractor with its settings.

    Args:
        extractor: its name
        settings: that differ from their defaults

    Raises:
        ConfigError: if there is no such extractor or setting
    """
    from tasks.experiments.plan import FeatureSet

    kind = registry.extractor(extractor)
    return FeatureSet(extractor, kind, settings_of(kind.settings, settings or {}, extractor))


def extract(sources: Sequence[Source], part: FeatureSet, *, by: Cutting, config: Config) -> Iterator[ExtractedFile]:
    """Yield the features of every file, in the given order; a file that cannot be used stops no other.

    Args:
        sources: media files
        part: extractor and settings
        by: what a row is about: `file`, `captions` beside the file, or `windows`
        config: the window's length; limits of decoding
    """
    every = config.eligibility.model_copy(
        update={"min_duration_s": _SHORTEST_S, "max_duration_s": _LONGEST_S, "min_words": 0}
    )
    config = config.model_copy(update={"eligibility": every})
    usable = [source for source in sources if not source.problem]
    yield from (ExtractedFile(source.text, None, source.problem) for source in sources if source.problem)
    for source, obtain in _obtained(usable, config):
        try:
            yield _of_medium(source.text, obtain(), part, by, config)
        except UndertoneError as error:
            yield ExtractedFile(source.text, None, str(error).removeprefix(f"{source.text}: "))
        except OSError as error:
            if os_errors.is_of_the_machine(error):
                raise
            yield ExtractedFile(source.text, None, os_errors.explain(error) or str(error))


def write(
    path: Path,
    files: Iterable[ExtractedFile],
    *,
    progress: Callable[[int], None] | None = None,
    overwrite: bool = False,
) -> Summary:
    """Write features as Parquet or CSV, file by file: memory does not grow with their number.

    Args:
        path: the file to write, .parquet or .csv
        files: from `extract`
        progress: called with the number of files that are done
        overwrite: replace an existing file

    Returns:
        numbers of what was written, and what cannot be used

    Raises:
        InputError: if the file exists, or has another ending
        NotEnoughData: if no file can be used; nothing is written
    """
    demand_target(path, overwrite=overwrite)
    unusable = list[tuple[str, str]]()
    n_files = n_rows = 0
    names: list[str] = []
    with tables.whole(path) as part, ExitStack() as stack:
        writer = None
        for number, file in enumerate(files, start=1):
            unusable += [(f"{file.source} at {reject.id}", _reason(reject)) for reject in file.rejects]
            if file.rows is None:
                unusable.append((file.source, file.problem))
            elif file.rows.num_rows:
                writer = writer or stack.enter_context(_writer(part, path.suffix, file.rows.schema))
                writer.write_table(file.rows)
                names = file.rows.column_names
                n_files, n_rows = n_files + 1, n_rows + file.rows.num_rows
            if progress:
                progress(number)
        if writer is None:
            listed = "; ".join(f"{name}: {reason}" for name, reason in unusable[:3]) or "there are no media files"
            raise NotEnoughData(f"no features: {listed}")
    fixed = {"file", "start_s", "end_s", "step", "time_s"}
    return Summary(n_files, n_rows, len([name for name in names if name not in fixed]), tuple(unusable))


def demand_target(path: Path, *, overwrite: bool) -> None:
    """Check that features can be written to a file.

    Args:
        path: the file
        overwrite: whether it may exist

    Raises:
        InputError: if it has another ending, or exists
    """
    if path.suffix.casefold() not in ENDINGS:
        raise InputError(f"{path}: found the ending {path.suffix!r}, expected {' or '.join(ENDINGS)}")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists; choose another name, or add --overwrite")


def feature_names(part: FeatureSet, n_features: int) -> list[str]:
    """Return a name for each feature: the extractor's, or numbered ones.

    Args:
        part: extractor and settings
        n_features: number of its features
    """
    if part.extractor.names is not None:
        return list(part.extractor.names(part.settings))
    prefix = part.extractor.name.replace("-", "_")
    return [f"{prefix}_{number}" for number in range(n_features)]


def _writer(path: Path, suffix: str, schema: pa.Schema) -> Any:
    if suffix.casefold() == ".csv":
        from pyarrow import csv

        return csv.CSVWriter(path, schema)
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema, write_page_checksum=True)


def _reason(reject: Reject) -> str:
    return f"{reject.reason} ({reject.detail})" if reject.detail else reject.reason


def _obtained(sources: Sequence[Source], config: Config) -> Iterator[tuple[Source, Callable[[], Medium]]]:
    """Yield every file with the function that returns its decoded sound, or raises; decode a few files ahead."""
    from tasks.on_demand.applying import intake

    def obtain(source: Source, folder: Path) -> Medium:
        return intake.obtain(source.text, None, folder, config)

    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: deque[tuple[Source, tempfile.TemporaryDirectory[str], Future[Medium]]] = deque()
        remaining = iter(sources)
        try:
            while True:
                while len(waiting) < _AHEAD and (source := next(remaining, None)) is not None:
                    # outlives this step: the sound in it is read until the next file's turn
                    folder = tempfile.TemporaryDirectory(prefix="undertone-")
                    waiting.append((source, folder, pool.submit(obtain, source, Path(folder.name))))
                if not waiting:
                    return
                source, folder, future = waiting.popleft()
                with folder:
                    yield source, future.result
        finally:
            for _, folder, future in waiting:
                future.cancel() or future.exception()
                folder.cleanup()


def _of_medium(source: str, medium: Medium, part: FeatureSet, by: Cutting, config: Config) -> ExtractedFile:
    from tasks.features.base import extraction
    from tasks.on_demand.applying import features, utterances

    cut = utterances.cut(medium, by, config)
    rejects = {reject.id: reject for reject in cut.rejects}
    settings = json.dumps(asdict(part.settings), sort_keys=True)
    contents = features.contents_of(part, medium, cut, rejects)
    extracted = extraction.extract(part.extractor.name, settings, contents)
    rejects |= {reject.id: reject for reject in extracted.rejects}
    by_id = {row["utterance_id"]: row for row in extracted.rows}
    spans = [row for row in cut.rows if row.id in by_id]
    if not spans:
        first = next(iter(rejects.values()), None)
        return ExtractedFile(source, None, _reason(first) if first else "there is nothing to extract from")
    blocks = [_block(source, span, medium.duration_s, by_id[span.id], part) for span in spans]
    import pyarrow as pa

    return ExtractedFile(source, pa.concat_tables(blocks), "", tuple(rejects.values()))


def _block(source: str, span: NewUtterance, duration_s: float, row: Mapping[str, Any], part: FeatureSet) -> pa.Table:
    """Return the rows of an utterance: one, or one for each step of a sequence."""
    import numpy as np
    import pyarrow as pa

    end_s = duration_s if span.end_s is None else span.end_s
    n_rows = max(row["n_steps"], 1)
    columns: dict[str, Any] = {
        "file": pa.array([source] * n_rows, pa.string()),
        "start_s": np.full(n_rows, span.start_s),
        "end_s": np.full(n_rows, end_s),
    }
    if part.extractor.gives == "text":
        return pa.table({**columns, "text": pa.array([row["text"]], pa.string())})
    values: NDArray[np.float32] = np.frombuffer(row["values"], dtype="<f4").reshape(n_rows, row["n_features"])
    if part.extractor.gives == "sequence":
        columns["step"] = np.arange(n_rows)
        if step_s := getattr(part.settings, "step_s", None):
            columns["time_s"] = span.start_s + step_s * np.arange(n_rows)
    names = feature_names(part, values.shape[1])
    return pa.table({**columns, **{name: values[:, place].copy() for place, name in enumerate(names)}})
