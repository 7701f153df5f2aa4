"""German words rated by native speakers (labMT), with rules for negation and contrast; see `lexicons.labmt`."""

from __future__ import annotations

from collections.abc import Callable

from tasks.labelling.lexicons import labmt

NAME = "labmt_de"
LICENCE = labmt.LICENCE
LANGUAGES = ("de",)


def load() -> Callable[[str], float | None]:
    """Return a function from a German text to a polarity in (-1, 1); None if it is probably in another language."""
    return labmt.scorer(NAME, "de")
