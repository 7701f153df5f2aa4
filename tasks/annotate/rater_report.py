"""Figures of the listeners whose ratings are in a store."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.annotate.rated_segments import RatedSegment
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.people import listener_checks
from tasks.labelling.people.listener_checks import ListenerCheck
from tasks.labelling.people.ratings import RatedSpan


def checks(rated: Sequence[RatedSegment], bootstrap: Bootstrap) -> list[ListenerCheck]:
    """Return the figures of every listener with a rating, by name.

    Args:
        rated: from the store
        bootstrap: settings of the intervals, over videos (of a folder: over files)
    """
    return listener_checks.checked(map(_span, rated), bootstrap)


def _span(item: RatedSegment) -> RatedSpan:
    segment = item.segment
    labels = {name: label for name, label in item.ratings.items() if label is not None}
    return RatedSpan(segment.video_id, segment.id.start_s, segment.id.end_s, labels, None, item.playback, item.again)
