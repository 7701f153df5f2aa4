"""Terminal output on extractors: what they read and give, and their settings."""

from __future__ import annotations

from dataclasses import MISSING, fields

from rich.console import Console
from rich.table import Table
from rich.text import Text


def table() -> None:
    """Print all extractors with their settings and defaults."""
    from tasks.features.base import registry

    shown = Table("features", "of", "a row is", "settings", title="Features")
    for name in registry.names():
        extractor = registry.extractor(name)
        settings = ", ".join(
            f"{field.name}={field.default if field.default is not MISSING else '…'}"
            for field in fields(extractor.settings)
        )
        about = Text(f"{extractor.title}\n").append(settings or "none", "dim")
        shown.add_row(name, extractor.reads, "a step" if extractor.gives == "sequence" else "an utterance", about)
    Console().print(shown)
