"""Audit of a training and a test table that someone made: what their rows share.

The checks are those of `tasks.leaks`; this module brings two tables into the form that they read, and decides which of
the findings are violations: a shared speaker or group (video, dialogue, session), unless the caller keeps other columns
apart, and always a sound that is in both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from tasks.core.errors import AudioError, ConfigError
from tasks.leaks.finding import MOST_EXAMPLES, AuditReport, Finding, Severity, accepted_checks
from tasks.on_demand.without_project.utterance_table import UtteranceTable

if TYPE_CHECKING:
    import pyarrow as pa

    from tasks.media.corpus_files.media_files import MediaFile

Apart = Literal["speaker", "group", "script", "text"]
APART: tuple[Apart, ...] = get_args(Apart)
_BY_CHECK: Mapping[str, Apart] = {
    "seen speakers": "speaker",
    "seen groups": "group",
    "seen recordings": "group",
    "seen scripts": "script",
    "same text": "text",
    "similar text": "text",
}
"""Check → what has to be kept apart for its findings to be violations."""
_VALUES = {"seen speakers": "speaker", "seen groups": "group", "seen scripts": "script"}
"""Checks whose findings are about a value that both tables hold → its role."""
_MOST_SHARED = 1000
_DENSE, _SHORTER, _MAX_DIGITS = 0.9, 0.8, 9
"""Of groups counted anew: least share of the numbers up to the last that occur, and the most that the lesser of both
last numbers is of the other."""


@dataclass(frozen=True)
class SharedValue:
    """A value that both tables hold, with the numbers of rows and the first row in each."""

    value: str
    n_train: int
    n_test: int
    train_row: int | str
    test_row: int | str


@dataclass(frozen=True)
class TableAudit:
    """The audit of two tables.

    Args:
        train: the training table
        test: the test table
        report: checks and findings
        apart: what has to be kept apart
        shared: role → values that are in both tables, the most frequent first
        not_checked: checks that could not be made, as sentences
        unreadable: rows whose sound could not be read, and why
    """

    train: UtteranceTable
    test: UtteranceTable
    report: AuditReport
    apart: tuple[Apart, ...]
    shared: Mapping[str, tuple[SharedValue, ...]]
    not_checked: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there is no violation."""
        return self.report.passed

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The checks that were made."""
        return self.report.findings

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as a dictionary for JSON; `rows` are pairs of a test row and a training row."""
        number = dict(zip(_names(self.train, self.test), (*self.train.numbers, *self.test.numbers), strict=True))
        findings = [
            {
                **{name: value for name, value in asdict(finding).items() if name != "pairs"},
                "rows": [[number[test], number[train]] for test, train in finding.pairs],
            }
            for finding in self.report.findings
        ]
        return {
            "train": _described(self.train),
            "test": _described(self.test),
            "passed": self.passed,
            "apart": list(self.apart),
            "findings": findings,
            "shared": {role: [asdict(value) for value in values] for role, values in self.shared.items()},
            "not_checked": list(self.not_checked),
            "unreadable": [{"row": name, "reason": reason} for name, reason in self.unreadable],
        }


@dataclass(frozen=True)
class _TwoTables:
    """The protocol of two given tables; severities are decided afterwards."""

    name: str
    unit: tuple[str, ...] = ()
    leaky: bool = False

    def in_words(self) -> str:
        return f"Trained on one table, tested on the other ({self.name})."


def audit(
    train: UtteranceTable,
    test: UtteranceTable,
    *,
    apart: Sequence[Apart] | None = None,
    declared: Collection[str] = (),
    media: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> TableAudit:
    """Compare a training and a test table.

    Args:
        train: the training table
        test: the test table
        apart: columns whose values must not be in both; None: speaker and group, or the text where the tables have
            neither of these nor sound
        declared: checks whose violations are accepted, such as `seen-speakers`
        media: folder that paths of sound are relative to; None: the folder of each table
        progress: called with the share of the sound files that is done

    Raises:
        ConfigError: if `apart` or `declared` name something that does not exist
    """
    from tasks import leaks
    from tasks.evaluation.protocols import Split
    from tasks.leaks.sides import Sides

    kept_apart = _apart(train, test, apart)
    names = _names(train, test)
    table = _utterances(train, test, names, media)
    split = _split(len(train), len(test), Split)
    sounds, unreadable, not_checked = _sounds(table, progress)
    rule = _TwoTables(f"{train.name} → {test.name}")
    report = leaks.audit(table, [split], rule, sounds=sounds)
    accepted = accepted_checks(declared)
    shared = {role: tuple(_shared(train, test, role)) for role in _VALUES.values()}
    rows = Sides(table["utterance_id"].to_numpy(zero_copy_only=False).astype(str), [split])
    renumbered = _counted_anew(train.values.get("group", ()), test.values.get("group", ()))
    findings = tuple(
        _decided(_with_values(finding, shared, table, rows), kept_apart, accepted, renumbered=renumbered)
        for finding in report.findings
        # without recordings, times cannot overlap
        if finding.check != "overlapping spans" or "audio" in {*train.columns, *test.columns}
    )
    missing = tuple(_not_compared(train, test))
    return TableAudit(
        train,
        test,
        replace(report, findings=findings),
        kept_apart,
        {role: values for role, values in shared.items() if values},
        (*not_checked, *missing),
        tuple(unreadable),
    )


def _apart(train: UtteranceTable, test: UtteranceTable, apart: Sequence[Apart] | None) -> tuple[Apart, ...]:
    if apart is not None:
        if unknown := [name for name in apart if name not in APART]:
            raise ConfigError(f"cannot keep {', '.join(unknown)} apart; expected some of {', '.join(APART)}")
        return tuple(apart)
    others = {"speaker", "group", "audio"} & set(train.columns) & set(test.columns)
    return ("speaker", "group") if others else ("speaker", "group", "text")


def _split(n_train: int, n_test: int, make: Any) -> Any:
    import numpy as np

    return make("train → test", np.arange(n_train), np.arange(n_train, n_train + n_test))


def _names(train: UtteranceTable, test: UtteranceTable) -> list[str]:
    """Return the names of all rows; with the tables' folders if their names are equal."""
    labels = [Path(table.name).name for table in (train, test)]
    if labels[0] == labels[1]:
        labels = [train.name, test.name] if train.name != test.name else [f"train {labels[0]}", f"test {labels[1]}"]
    return [*train.row_names(labels[0]), *test.row_names(labels[1])]


def _utterances(train: UtteranceTable, test: UtteranceTable, names: Sequence[str], media: Path | None) -> pa.Table:
    import math

    import pyarrow as pa

    def column(role: str) -> list[str | None]:
        cells = list[str | None]()
        for table in (train, test):
            # a value that only one table has cannot be shared
            cells += table.values.get(role, (None,) * len(table))
        return cells

    def times(role: str) -> list[float | None]:
        values = [time for table in (train, test) for time in table.times.get(role, (math.nan,) * len(table))]
        return [None if math.isnan(value) else value for value in values]

    paths = [
        None if cell is None else os.path.normpath((media or table.folder) / cell)
        for table in (train, test)
        for cell in table.values.get("audio", (None,) * len(table))
    ]
    return pa.table(
        {
            "utterance_id": pa.array(names, pa.string()),
            "corpus": pa.nulls(len(names), pa.string()),
            **{role: pa.array(column(role), pa.string()) for role in ("speaker", "group", "script", "text")},
            "audio": pa.array(paths, pa.string()),
            "start_s": pa.array(times("start_s"), pa.float64()),
            "end_s": pa.array(times("end_s"), pa.float64()),
        }
    )


def _sounds(
    table: pa.Table, progress: Callable[[float], None] | None
) -> tuple[pa.Table | None, list[tuple[str, str]], list[str]]:
    """Return digests and fingerprints of all rows with sound, the rows whose sound cannot be read, and a note."""
    from tasks.core import tables
    from tasks.media.corpus_files.media_files import MediaFile, UtteranceSpan

    spans = dict[str, list[UtteranceSpan]]()
    for row in table.select(["utterance_id", "audio", "start_s", "end_s"]).to_pylist():
        if row["audio"]:
            spans.setdefault(row["audio"], []).append(UtteranceSpan(row["utterance_id"], row["start_s"], row["end_s"]))
    if not spans:
        return None, [], ["sound: there is no column of sound files"]
    present = [path for path in spans if Path(path).is_file()]
    if not present:
        first = next(iter(spans))
        return None, [], [f"sound: none of the {len(spans):,} files is there (the first: {first}); add --media FOLDER"]
    unreadable = [
        (span.utterance_id, "no such file") for path in spans if path not in set(present) for span in spans[path]
    ]
    items = [MediaFile("", path, "", tuple(spans[path])) for path in present]
    rows = list[dict[str, Any]]()
    # decoders are processes, one for each thread: threads are enough to use all cores
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, (measured, failed) in enumerate(pool.map(_measured, items), start=1):
            rows += measured
            unreadable += failed
            if progress:
                progress(number / len(items))
    return tables.from_rows(rows, tables.SOUNDS), unreadable, []


def _measured(item: MediaFile) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    from tasks.media.corpus_files import sound_check
    from tasks.media.decode import RATE_HZ
    from tasks.media.fingerprint import copy_detection_columns

    rows, failed = [], []
    try:
        with sound_check.opened(item) as sound:
            for span, samples in sound.utterances:
                if samples.size:
                    rows.append({"utterance_id": span.utterance_id, **copy_detection_columns(samples, RATE_HZ)})
                else:
                    failed.append((span.utterance_id, f"its times lie outside the sound of {sound.duration_s:.1f} s"))
    except (AudioError, OSError) as error:
        return [], [(span.utterance_id, str(error)) for span in item.spans]
    return rows, failed


def _decided(finding: Finding, apart: Collection[Apart], accepted: Collection[str], *, renumbered: bool) -> Finding:
    """Return a finding with its severity: a violation if its values have to be kept apart, unless it is accepted."""
    severity: Severity = finding.severity
    if finding.check in _BY_CHECK:
        severity = "violation" if _BY_CHECK[finding.check] in apart else "warning"
    if finding.check == "seen groups" and finding.n and renumbered:
        what = (
            f"{finding.what}, unless their numbers are counted anew in each table; name unique ids, or leave them out"
        )
        return replace(finding, severity="unknown", what=f"{what}: --column group=")
    if severity == "violation" and finding.check in accepted:
        severity = "declared"
    return replace(finding, severity=severity)


def _counted_anew(train: Sequence[str | None], test: Sequence[str | None]) -> bool:
    """Return whether groups look as if each table counted them from 0 or 1, as MELD's dialogues.

    Of a table that was split by rows, both parts have numbers of the same range.
    """
    ranges = []
    for values in (train, test):
        names = {value for value in values if value is not None}
        if not names or not all(name.isdecimal() and len(name) <= _MAX_DIGITS for name in names):
            return False
        numbers = {int(name) for name in names}
        if min(numbers) > 1 or len(numbers) < _DENSE * (max(numbers) - min(numbers) + 1):
            return False
        ranges.append(max(numbers))
    return min(ranges) < _SHORTER * max(ranges)


def _shared(train: UtteranceTable, test: UtteranceTable, role: str) -> Iterator[SharedValue]:
    places = list[dict[str, list[int]]]()
    for table in (train, test):
        rows = dict[str, list[int]]()
        for place, value in enumerate(table.values.get(role, ())):
            if value is not None:
                rows.setdefault(value, []).append(place)
        places.append(rows)
    common = [value for value in places[1] if value in places[0]]
    for value in sorted(common, key=lambda value: -len(places[1][value]))[:_MOST_SHARED]:
        of_train, of_test = places[0][value], places[1][value]
        yield SharedValue(value, len(of_train), len(of_test), train.numbers[of_train[0]], test.numbers[of_test[0]])


def _with_values(finding: Finding, shared: Mapping[str, Sequence[SharedValue]], table: pa.Table, sides: Any) -> Finding:
    """Return a finding on shared values that names them and, as pairs, a training row for every test row."""
    from tasks.leaks.sides import codes

    if (role := _VALUES.get(finding.check)) is None:
        return finding
    matches = sides.sharing(codes(table[role].to_pylist()))
    pairs = sides.pair_finding(finding.check, finding.severity, matches, "").pairs
    examples = tuple(
        f"{value.value}: row {value.test_row} and training row {value.train_row}"
        for value in shared[role][:MOST_EXAMPLES]
    )
    return replace(finding, examples=examples, pairs=pairs)


def _not_compared(train: UtteranceTable, test: UtteranceTable) -> Iterator[str]:
    for role in ("speaker", "group", "script", "text"):
        without = [table.name for table in (train, test) if role not in table.columns]
        if len(without) == 1:
            yield f"{role}: {without[0]} has no such column; name it: --column {role}=NAME"
        elif without and role != "script":
            yield f"{role}: there is no such column"


def _described(table: UtteranceTable) -> dict[str, Any]:
    return {"table": table.name, "n_rows": len(table), "columns": dict(table.columns), "unused": list(table.unused)}
