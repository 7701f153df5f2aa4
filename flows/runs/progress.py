"""A stage's progress in the Prefect UI: a bar among its artifacts, moved now and then."""

from __future__ import annotations

import time
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

PAUSE_S = 3.0


class Progress:
    """Shows how many of a stage's items are done; nothing where it is over before a bar would help.

    Args:
        stage: the stage's word
        n_items: how many items there are
    """

    def __init__(self, stage: str, n_items: int) -> None:
        self._stage, self._n_items = stage, n_items
        self._moved = time.monotonic()
        self._id: UUID | None = None

    def at(self, n_done: int) -> None:
        """Move the bar, unless it was moved a moment ago."""
        last = n_done == self._n_items
        if time.monotonic() - self._moved < PAUSE_S and not (last and self._id):
            return
        self._moved = time.monotonic()
        share = 100 * n_done / self._n_items
        if self._id is None:
            # an artifact's key knows no @
            key = f"{self._stage.replace('@', '-')}-progress"
            made = create_progress_artifact(share, key=key, description=f"{self._n_items} items of stage {self._stage}")
            self._id = cast(UUID, made)
        else:
            update_progress_artifact(self._id, share)
