"""Time resolution of sound levels; a module of its own, since those who measure them import NumPy."""

from __future__ import annotations

STEP_MS = 10
