"""Transcripts of utterances with their dialogue context, for extractors that read text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.features.base.extractor import Transcript


def transcripts(
    rows: Sequence[Mapping[str, Any]], context: int, after: int = 0
) -> list[tuple[str, tuple[str, Transcript]]]:
    """Return dialogue, id and transcript of every utterance with text, in the order of turns.

    Args:
        rows: of an utterance table: `utterance_id`, `group`, `turn`, `speaker`, `text`, and `dialogue` if it has one
        context: number of preceding utterances to include
        after: number of following utterances to include
    """
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["text"]:
            groups[row.get("dialogue") or row["group"]].append(row)
    keyed = []
    for group, members in sorted(groups.items()):
        members.sort(key=lambda row: (row["turn"] is None, row["turn"] or 0, row["utterance_id"]))
        turns = [((row["speaker"] or "").rpartition("/")[2], row["text"]) for row in members]
        # without turn numbers the order is unknown
        ordered = all(row["turn"] is not None for row in members)
        for number, row in enumerate(members):
            before = tuple(turns[max(0, number - context) : number]) if ordered else ()
            later = tuple(turns[number + 1 : number + 1 + after]) if ordered else ()
            keyed.append((group, (row["utterance_id"], Transcript(row["text"], turns[number][0], before, later))))
    return keyed
