"""Pretrained models that settings use, those of nested models included, and their places in params.yaml."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tasks.features.base.checkpoints import CheckpointKind
from tasks.features.base.settings import settings_of
from tasks.models.base import registry as models


@dataclass(frozen=True)
class CheckpointUse:
    """A checkpoint, what it is used as, the place of its name in params.yaml, and the class of the settings there."""

    checkpoint: str
    kind: CheckpointKind
    place: str
    settings: type


def of_settings(settings: Any, place: str, blocks: Container[str] = ()) -> Iterator[CheckpointUse]:
    """Yield the pretrained models that settings use, by default or by name.

    Args:
        settings: an instance of the settings class of an extractor or a model
        place: of these settings, such as `experiments.NAME.model`
        blocks: names and kinds of the recipe's features: models of other blocks are not used
    """
    if checkpoint := getattr(settings, "checkpoint", ""):
        kind: CheckpointKind = getattr(settings, "checkpoint_kind", "text")
        yield CheckpointUse(checkpoint, kind, f"{place}.checkpoint", type(settings))
    yield from _nested(asdict(settings), place, blocks)


def _nested(values: Mapping[str, Any], place: str, blocks: Container[str]) -> Iterator[CheckpointUse]:
    for key, value in values.items():
        if not isinstance(value, Mapping):
            continue
        if value.get("name") not in models.names():
            yield from _nested(value, f"{place}.{key}", blocks)
        elif key in blocks:
            inner = {name: entry for name, entry in value.items() if name != "name"}
            settings = settings_of(models.model(value["name"]).settings, inner, key)
            yield from of_settings(settings, f"{place}.{key}", blocks)
