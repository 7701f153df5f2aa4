"""A session of the listening page: each listener's next item, ratings, undo and progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tasks.annotate import class_definitions, schedule
from tasks.annotate.class_definitions import RatingQuestion
from tasks.annotate.playback_log import PlaybackLog
from tasks.annotate.rated_segments import Segment, SegmentId, checked_name
from tasks.annotate.schedule import Item
from tasks.annotate.store import Store
from tasks.annotate.store_schema import Counts
from tasks.core import text_files
from tasks.core.errors import InputError
from tasks.labelling.people import listener_checks, ratings
from tasks.labelling.people.rating_sheets import Playback


@dataclass(frozen=True)
class ListeningSession:
    """State of a running server.

    Attributes:
        store: where ratings are saved
        queue: segments in the order in which every listener hears them
        sounds: FLAC of queue and practice, by `SegmentId.key`
        with_text: whether the page shows the text
        raters: in a session that adjudicates ties, who rated each segment (they cannot adjudicate it); None: no such
            session
        practice: segments to begin with, none of them in the queue; their labels count nowhere
        n_repeats: number of segments that are repeated
        question: what is asked, and the classes to choose from
        share: of a clip's length, 0 to 1, that has to be played before it can be rated
        log: playback that pages reported
        samplings: how segments of the queue were drawn, `ratings.RANDOM` or `ratings.PROPOSED`; never shown
    """

    store: Store
    queue: Sequence[Segment]
    sounds: Mapping[str, bytes]
    with_text: bool
    raters: Mapping[SegmentId, frozenset[str]] | None = None
    practice: Sequence[Segment] = ()
    n_repeats: int = 0
    question: RatingQuestion = class_definitions.SENTIMENT
    share: float = 1.0
    log: PlaybackLog = field(default_factory=PlaybackLog)
    samplings: Mapping[SegmentId, str] = field(default_factory=dict)

    def state(self, name: str) -> dict[str, Any]:
        """Return the page's state for a listener: progress and next item, without anything that hints at a label.

        Args:
            name: the listener's

        Raises:
            InputError: if the name is not valid
        """
        listener = self._listener(name)
        done = self._done(listener)
        practising = self._is_practising(done)
        items = self._practice if practising else self._items(listener)
        upcoming = next((item for item in items if item not in done), None)
        return {
            "listener": listener,
            "practice": practising,
            "done": sum(item in done for item in items),
            "total": len(items),
            "segment": None if upcoming is None else self._description(upcoming),
        }

    def play(self, name: str, key: str) -> None:
        """Note that a listener's page began to play an item.

        Args:
            name: the listener's
            key: the item's

        Raises:
            InputError: if the item is not in this listener's queue, or the name is not valid
        """
        listener = self._listener(name)
        self.log.started(listener, self._item(listener, key).key)

    def rate(self, name: str, key: str, label: str | None, played_s: float) -> dict[str, Any]:
        """Save a label and return the new state.

        Args:
            name: the listener's
            key: `Item.key`
            label: None if they cannot tell
            played_s: for how long the page played the item, in seconds

        Raises:
            InputError: if the item is not in this listener's queue, was not played, the label is no class, or the name
                is not valid
        """
        listener = self._listener(name)
        item = self._item(listener, key)
        if label is not None and label not in self.question.names:
            expected = text_files.listed(self.question.names)
            raise InputError(f"found the class {text_files.quoted(label)}, expected one of {expected}")
        if item not in self._done(listener):
            playback = self._playback(listener, item, label, played_s)
            how = self.samplings.get(item.segment.id)
            self.store.rate(item.segment, listener, label, playback, item.counts, sampling=how)
            if item.counts is Counts.RATING and how == ratings.RANDOM:
                self._mark_drawn(item.segment)
        return self.state(listener)

    def undo(self, name: str) -> dict[str, Any]:
        """Delete a listener's last label in this queue (or of the practice before it) and return the new state.

        Args:
            name: the listener's

        Raises:
            InputError: if the name is not valid
        """
        listener = self._listener(name)
        items = self._practice if self._is_practising(self._done(listener)) else self._items(listener)
        among = {counts: {item.segment.id for item in items if item.counts is counts} for counts in Counts}
        self.store.undo(listener, {counts: ids for counts, ids in among.items() if ids})
        return self.state(listener)

    def sound(self, key: str) -> bytes | None:
        """Return an item's FLAC, None if there is no such item.

        Args:
            key: `Item.key`
        """
        item = self._by_key.get(key)
        return None if item is None else self.sounds.get(item.segment.id.key)

    def _mark_drawn(self, segment: Segment) -> None:
        """Mark the random draws up to a segment: the sample includes those that were rated in other queues before."""
        drawn = [item for item in self.queue if self.samplings.get(item.id) == ratings.RANDOM]
        upto = drawn[: drawn.index(segment) + 1]
        if new := [item for item in upto if item.id not in self._marked]:
            self.store.mark_random(new)
            self._marked.update(item.id for item in new)

    def _listener(self, name: str) -> str:
        return checked_name(name, self.store.listeners())

    @cached_property
    def _marked(self) -> set[SegmentId]:
        return set()

    @cached_property
    def _practice(self) -> list[Item]:
        return [Item(segment, Counts.PRACTICE) for segment in self.practice]

    @cached_property
    def _all(self) -> list[Item]:
        if self.raters is not None:
            return [Item(segment, Counts.ADJUDICATION) for segment in self.queue]
        return schedule.with_repeats(self.queue, self.n_repeats)

    @cached_property
    def _by_key(self) -> dict[str, Item]:
        return {item.key: item for item in (*self._practice, *self._all)}

    def _items(self, listener: str) -> list[Item]:
        raters = self.raters or {}
        return [item for item in self._all if listener not in raters.get(item.segment.id, ())]

    def _item(self, listener: str, key: str) -> Item:
        item = self._by_key.get(key)
        if item is None or listener in (self.raters or {}).get(item.segment.id, ()):
            raise InputError("this segment is not in the queue any more: the server was restarted. Reload the page")
        return item

    def _done(self, listener: str) -> set[Item]:
        stored = {
            counts: self.store.adjudicated() if counts is Counts.ADJUDICATION else self.store.rated(listener, counts)
            for counts in {item.counts for item in self._by_key.values()}
        }
        return {item for item in self._by_key.values() if item.segment.id in stored[item.counts]}

    def _is_practising(self, done: set[Item]) -> bool:
        return not set(self._practice) <= done and not done - set(self._practice)

    def _playback(self, listener: str, item: Item, label: str | None, played_s: float) -> Playback:
        """Return how an item was played; raise InputError if it has to be played before it gets this label."""
        length_s = item.segment.id.end_s - item.segment.id.start_s
        since_s, starts = self.log.played(listener, item.key)
        tolerance_s = listener_checks.tolerance_s(length_s)
        # a page cannot have played for longer than since the first start
        played_s = min(played_s, since_s + tolerance_s) if starts else 0.0
        if label is not None:
            if not starts:
                raise InputError("the clip was not played yet: play it first (space), or skip it (0)")
            if played_s < self.share * length_s - tolerance_s:
                raise InputError(
                    f"only {played_s:.1f} s of the clip were played, expected {self.share * length_s:.1f} s "
                    "before it is rated: play it again (space), or skip it (0)"
                )
        return Playback(round(played_s, 2), starts)

    def _description(self, item: Item) -> dict[str, Any]:
        length_s = item.segment.id.end_s - item.segment.id.start_s
        text = item.segment.text if self.with_text else None
        return {"key": item.key, "text": text, "length_s": round(length_s, 1)}
