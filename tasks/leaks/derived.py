"""Rows made of other rows, by augmentation or SMOTE: a child belongs to its parents' side, and to training only."""

from __future__ import annotations

import pyarrow as pa

from tasks.leaks.finding import MOST_EXAMPLES, Finding
from tasks.leaks.sides import Sides

CHECK = "derived rows"


def check(parents: pa.Table, sides: Sides) -> Finding:
    """Find children in training with a parent in test, and children that are tested on.

    Args:
        parents: columns `child` and `parent`, ids; a child of several parents has several rows. A child that is none of
            the audited rows was made in training, in the fold that the column `fold` names or, where it is null, in all
        sides: the folds
    """
    rows = parents.select(["child", "parent", "fold"]).to_pylist()
    children = {row["child"] for row in rows}
    known = set(sides.ids.tolist())
    wrong: list[str] = []
    for split in sides.splits:
        train, test = set(sides.ids[split.train].tolist()), set(sides.ids[split.test].tolist())
        learned_from = {row["child"] for row in rows if row["child"] not in known and row["fold"] in (None, split.name)}
        learned_from |= children & train
        crossing = [row["child"] for row in rows if row["parent"] in test and row["child"] in learned_from]
        wrong += [*dict.fromkeys(crossing), *sorted(children & test)]
    what = f"{len(wrong)} derived rows have a parent on the other side, or are tested on"
    examples = tuple(list(dict.fromkeys(wrong))[:MOST_EXAMPLES])
    return Finding(CHECK, "violation", len(wrong), len(children) * len(sides.splits), what, examples)
