"""A session of the listening page: each listener's next segment, ratings, undo and progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.annotate.rated_segments import Segment, SegmentId, checked_name
from tasks.annotate.store import Store
from tasks.core.errors import InputError


@dataclass(frozen=True)
class ListeningSession:
    """State of a running server.

    Attributes:
        store: where ratings are saved
        queue: segments in the order in which every listener hears them
        sounds: FLAC of the queue, by `SegmentId.key`
        with_text: whether the page shows the text
        raters: in a session that adjudicates ties, who rated each segment (they cannot adjudicate it); None: no such
            session
    """

    store: Store
    queue: Sequence[Segment]
    sounds: Mapping[str, bytes]
    with_text: bool
    raters: Mapping[SegmentId, frozenset[str]] | None = None

    def state(self, name: str) -> dict[str, Any]:
        """Return the page's state for a listener: progress and next segment, without anything that hints at a label.

        Args:
            name: the listener's

        Raises:
            InputError: if the name is not valid
        """
        listener = self._listener(name)
        queue = self._queue(listener)
        done = self.store.rated(listener) if self.raters is None else self.store.adjudicated()
        upcoming = next((segment for segment in queue if segment.id not in done), None)
        return {
            "listener": listener,
            "done": sum(segment.id in done for segment in queue),
            "total": len(queue),
            "segment": None if upcoming is None else self._description(upcoming),
        }

    def rate(self, name: str, key: str, label: str | None) -> dict[str, Any]:
        """Save a rating (or an adjudication, in a session for ties) and return the new state.

        Args:
            name: the listener's
            key: `SegmentId.key`
            label: None if they cannot tell

        Raises:
            InputError: if the segment is not in this listener's queue, or the name is not valid
        """
        listener = self._listener(name)
        segment = next((segment for segment in self._queue(listener) if segment.id.key == key), None)
        if segment is None:
            raise InputError("this segment is not in the queue any more: the server was restarted. Reload the page")
        (self.store.rate if self.raters is None else self.store.adjudicate)(segment, listener, label)
        return self.state(listener)

    def undo(self, name: str) -> dict[str, Any]:
        """Delete a listener's last rating (or adjudication) in this queue and return the new state.

        Args:
            name: the listener's

        Raises:
            InputError: if the name is not valid
        """
        listener = self._listener(name)
        among = {segment.id for segment in self.queue}
        (self.store.undo_rating if self.raters is None else self.store.undo_adjudication)(listener, among)
        return self.state(listener)

    def _listener(self, name: str) -> str:
        return checked_name(name, self.store.listeners())

    def _queue(self, listener: str) -> list[Segment]:
        raters = self.raters or {}
        return [segment for segment in self.queue if listener not in raters.get(segment.id, ())]

    def _description(self, segment: Segment) -> dict[str, Any]:
        length_s = segment.id.end_s - segment.id.start_s
        text = segment.text if self.with_text else None
        return {"key": segment.id.key, "text": text, "length_s": round(length_s, 1)}
