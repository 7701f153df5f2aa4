"""Progress bar of a stage among its artifacts in the Prefect UI."""

from __future__ import annotations

import time
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

PAUSE_S = 3.0


class Progress:
    """Shows how many items of a stage are done; stages shorter than `PAUSE_S` get no bar.

    Args:
        stage: its name
        n_items: the number of its items
    """

    def __init__(self, stage: str, n_items: int) -> None:
        self._stage, self._n_items = stage, n_items
        self._updated = time.monotonic()
        self._id: UUID | None = None

    def update(self, n_done: int) -> None:
        """Update the bar, at most every `PAUSE_S` seconds and at the end.

        Args:
            n_done: the number of items done
        """
        last = n_done == self._n_items
        if time.monotonic() - self._updated < PAUSE_S and not (last and self._id):
            return
        self._updated = time.monotonic()
        percent = 100 * n_done / self._n_items
        if self._id is None:
            # Prefect refuses @ in an artifact's key
            key = f"{self._stage.replace('@', '-')}-progress"
            title = f"{self._n_items} items of stage {self._stage}"
            self._id = cast(UUID, create_progress_artifact(percent, key=key, description=title))
        else:
            update_progress_artifact(self._id, percent)
