"""Results of single items, as stages return and cache them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Reject:
    """An item, or a row of one, that a stage could not use."""

    id: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Result:
    """The rows that one item gave, and its rejects."""

    rows: pa.Table
    rejects: tuple[Reject, ...] = ()
