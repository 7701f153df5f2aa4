"""Rows derived from other rows, by augmentation or SMOTE: only training rows may be derived, from training rows."""

from __future__ import annotations

import pyarrow as pa

from tasks.leaks.finding import MOST_EXAMPLES, Finding
from tasks.leaks.sides import Sides

CHECK = "derived rows"


def check(parents: pa.Table, sides: Sides) -> Finding:
    """Find training rows derived from a test row, and derived rows in the test part.

    Args:
        parents: ids in the columns `child` and `parent`, one row per parent. A child that is not an audited row was
            made during training, in the fold that the column `fold` names, or in all folds where it is null
        sides: the folds
    """
    rows = parents.select(["child", "parent", "fold"]).to_pylist()
    children = {row["child"] for row in rows}
    audited = set(sides.ids.tolist())
    wrong: list[str] = []
    for split in sides.splits:
        train, test = set(sides.ids[split.train].tolist()), set(sides.ids[split.test].tolist())
        made = {row["child"] for row in rows if row["child"] not in audited and row["fold"] in (None, split.name)}
        trained_on = made | (children & train)
        crossing = {row["child"]: row["parent"] for row in rows if row["parent"] in test and row["child"] in trained_on}
        wrong += [f"{child} (from {parent})" for child, parent in crossing.items()] + sorted(children & test)
    what = f"{len(wrong)} derived rows have a parent on the other side, or are tested on"
    examples = tuple(list(dict.fromkeys(wrong))[:MOST_EXAMPLES])
    return Finding(CHECK, "violation", len(wrong), len(children) * len(sides.splits), what, examples)
