"""Audit of a training and a test part: `ut.audit(train, test)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from tasks.on_demand.without_project.table_audit import Apart, TableAudit
    from tasks.on_demand.without_project.utterance_table import UtteranceTable


def audit(
    train: pd.DataFrame | str | Path,
    test: pd.DataFrame | str | Path,
    *,
    apart: Sequence[Apart] | None = None,
    declared: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    media: str | Path | None = None,
) -> TableAudit:
    """Find what a training and a test part share: speakers, videos, sentences, texts, sounds.

    Args:
        train: rows of utterances: a data frame, or a CSV, TSV or Parquet file
        test: likewise
        apart: what may not be in both: some of `speaker`, `group`, `script`, `text`; None: speaker and group, or the
            text where the tables have neither of these nor sound
        declared: checks whose violations are accepted, such as `seen-speakers`
        columns: role (`speaker`, `group`, `script`, `text`, `audio`, `start_s`, `end_s`) → name of its column, where
            that is none of the usual ones; "" for a column that is not used
        media: folder that paths of sound are relative to; None: the table's folder, or the current one

    Returns:
        the audit: `passed`; `findings`, each with `check`, `severity`, `n`, `of`, `what`, `examples` and `pairs`;
        `shared` values with their rows; `not_checked`; `unreadable`; `to_dict()`

    Raises:
        ConfigError: if `apart` or `declared` name something that does not exist
        InputError: if a table cannot be read, or no column of it can be compared

    Example:
        >>> train = pd.DataFrame({"speaker": ["anna", "ben"], "text": ["one", "two"]})
        >>> test = pd.DataFrame({"speaker": ["ben"], "text": ["three"]})
        >>> result = audit(train, test)
        >>> result.passed, result.shared["speaker"][0].value
        (False, 'ben')
    """
    from tasks.on_demand.without_project import table_audit

    roles = {role: [name] if name else [] for role, name in (columns or {}).items()}
    tables = [_table(part, name, roles) for part, name in ((train, "train"), (test, "test"))]
    folder = None if media is None else Path(media)
    return table_audit.audit(*tables, apart=apart, declared=declared, media=folder)


def _table(part: pd.DataFrame | str | Path, name: str, roles: Mapping[str, Sequence[str]]) -> UtteranceTable:
    from tasks.on_demand.without_project import utterance_table

    if isinstance(part, pd.DataFrame):
        return utterance_table.of_frame(part, name, roles)
    return utterance_table.read(Path(part), roles)
