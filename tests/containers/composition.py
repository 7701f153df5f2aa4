"""compose.yaml as data: services in the order of their start, with their commands, variables, volumes and secrets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SECRETS = "/run/secrets"


@dataclass(frozen=True)
class ComposedService:
    """A service, with the image's settings where compose.yaml has none.

    Args:
        name: also its host name
        image: name of its image
        command: entry point and arguments
        folder: its working folder
        env: variables of compose.yaml
        volumes: folder inside → name of the volume
        secrets: names of its secrets
        health: command of its check, None to use the image's
        conditions: service → condition that must hold before this one starts
        replicas: how many are started
    """

    name: str
    image: str
    command: list[str]
    folder: str
    env: dict[str, str]
    volumes: dict[str, str]
    secrets: list[str]
    health: list[str] | None
    conditions: dict[str, str]
    replicas: int


def load(path: Path) -> dict[str, Any]:
    """Return the content of a compose file, its anchors merged."""
    content: dict[str, Any] = YAML(typ="safe").load(path)
    return content


def services(
    content: Mapping[str, Any], *, entrypoint: list[str], folder: str, profiles: Collection[str] = ()
) -> list[ComposedService]:
    """Return the services in an order in which they can start.

    Args:
        content: of compose.yaml
        entrypoint: of our image
        folder: working folder of our image
        profiles: those to start, too
    """
    chosen = {
        name: entry
        for name, entry in content["services"].items()
        if not entry.get("profiles") or set(entry["profiles"]) & set(profiles)
    }
    order = TopologicalSorter({name: list(entry.get("depends_on", {})) for name, entry in chosen.items()})
    return [_service(name, chosen[name], entrypoint, folder) for name in order.static_order()]


def _service(name: str, entry: Mapping[str, Any], entrypoint: list[str], folder: str) -> ComposedService:
    test = entry.get("healthcheck", {}).get("test")
    if test is not None and test[0] != "CMD":
        raise ValueError(f"{name}: expected a health check without a shell (CMD), found {test[0]}")
    ours = "build" in entry
    return ComposedService(
        name=name,
        image=entry["image"],
        command=[*entry.get("entrypoint", entrypoint if ours else []), *entry.get("command", [])],
        folder=entry.get("working_dir", folder if ours else "/"),
        env={key: str(value) for key, value in entry.get("environment", {}).items()},
        volumes={volume.split(":")[1]: volume.split(":")[0] for volume in entry.get("volumes", [])},
        secrets=list(entry.get("secrets", [])),
        health=None if test is None else [str(word) for word in test[1:]],
        conditions={other: rule["condition"] for other, rule in entry.get("depends_on", {}).items()},
        replicas=entry.get("deploy", {}).get("replicas", 1),
    )
