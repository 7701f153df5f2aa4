"""Rated spans of a store and of files, for figures of the listeners."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tasks.annotate.rated_segments import RatedSegment
from tasks.core import paths
from tasks.labelling.people import ratings
from tasks.labelling.people.ratings import RatedSpan


def of_store(rated: Iterable[RatedSegment]) -> list[RatedSpan]:
    """Return the spans of a store, without skipped clips.

    Args:
        rated: from the store
    """
    return list(map(_span, rated))


def of_files(folder: Path, *, with_annotated: bool) -> list[RatedSpan]:
    """Return the spans of a project's files of ratings.

    Args:
        folder: `data/listeners`
        with_annotated: whether the file that is written from the store is read, too
    """
    files = [path for path in sorted(folder.glob("*.csv")) if with_annotated or path.name != paths.ANNOTATED.name]
    return [span for path in files for span in ratings.read(path).spans]


def _span(item: RatedSegment) -> RatedSpan:
    segment = item.segment
    labels = {name: label for name, label in item.ratings.items() if label is not None}
    return RatedSpan(segment.video_id, segment.id.start_s, segment.id.end_s, labels, None, item.playback, item.again)
