"""One queue that people listen to: what is next for whom, what a vote does, how far everyone is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.annotate.rated_segments import Segment, SegmentId, listener
from tasks.annotate.store import Store
from tasks.core.errors import InputError


@dataclass(frozen=True)
class ListeningSession:
    """What a server offers.

    Attributes:
        store: where votes go
        queue: what is heard, in this order, by everyone
        sounds: FLAC of the queue, by `SegmentId.key`
        with_text: whether the words are shown
        voters: in a sitting that decides ties, who has voted on each span: they do not decide it. None: no such sitting
    """

    store: Store
    queue: Sequence[Segment]
    sounds: Mapping[str, bytes]
    with_text: bool
    voters: Mapping[SegmentId, frozenset[str]] | None = None

    def state(self, name: str) -> dict[str, Any]:
        """Return what the page shows someone: the next segment, without anything that hints at a label.

        Raises:
            InputError: if the name cannot be a listener's
        """
        who = self._who(name)
        mine = self._mine(who)
        done = self._said(who)
        waiting = next((one for one in mine if one.span not in done), None)
        return {
            "listener": who,
            "done": sum(one.span in done for one in mine),
            "total": len(mine),
            "segment": None if waiting is None else self._shown(waiting),
        }

    def vote(self, name: str, key: str, label: str | None) -> dict[str, Any]:
        """Save a vote, or a verdict where ties are decided, and return the state after it.

        Raises:
            InputError: if there is no such segment in this listener's queue, or the name cannot be a listener's
        """
        who = self._who(name)
        segment = next((one for one in self._mine(who) if one.span.key == key), None)
        if segment is None:
            raise InputError("this segment is not in the queue any more: the page is older than the server. Reload it")
        (self.store.vote if self.voters is None else self.store.judge)(segment, who, label)
        return self.state(who)

    def undo(self, name: str) -> dict[str, Any]:
        """Take back the last vote, or verdict, that someone gave in this queue, and return the state after it.

        Raises:
            InputError: if the name cannot be a listener's
        """
        who = self._who(name)
        spans = {one.span for one in self.queue}
        (self.store.take_back_vote if self.voters is None else self.store.take_back_verdict)(who, spans)
        return self.state(who)

    def _who(self, name: str) -> str:
        return listener(name, self.store.listeners())

    def _mine(self, who: str) -> list[Segment]:
        voters = self.voters or {}
        return [one for one in self.queue if who not in voters.get(one.span, ())]

    def _said(self, who: str) -> set[SegmentId]:
        return self.store.voted(who) if self.voters is None else self.store.judged()

    def _shown(self, segment: Segment) -> dict[str, Any]:
        length_s = segment.span.end_s - segment.span.start_s
        text = segment.text if self.with_text else None
        return {"key": segment.span.key, "text": text, "length_s": round(length_s, 1)}
