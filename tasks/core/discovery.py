"""Discovery of plug-ins: models, extractors and stages are found in their package, and not listed anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from tasks.core.code_version import ROOT, plain
from tasks.core.errors import one_of


def modules(*packages: str) -> tuple[str, ...]:
    """Return the dotted names of the modules that lie directly in packages, sorted within each package.

    Args:
        packages: their dotted names
    """
    return tuple(
        f"{package}.{path.stem}"
        for package in packages
        for path in sorted(ROOT.joinpath(*plain(package).split(".")).glob("*.py"))
        if not path.stem.startswith("_")
    )


@dataclass(frozen=True)
class Registry:
    """The named things that modules of some packages offer.

    Args:
        what: what they are called in messages, such as `model`
        attribute: the module's tuple of them, such as `MODELS`; each has a `name`
        packages: dotted names of the packages
    """

    what: str
    attribute: str
    packages: tuple[str, ...]

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        return tuple(sorted(_offers(self)))

    def module(self, name: str) -> str:
        """Return the dotted name of the module that offers a name, and decides its results.

        A module that is called like it is tried first: the others need not be imported then.

        Args:
            name: as in params.yaml; `-` stands for `_` in the module's name

        Raises:
            ConfigError: if no module offers it; the message lists the names
        """
        for module in modules(*self.packages):
            if module.rpartition(".")[2] == name.replace("-", "_") and name in _offered(self, module):
                return module
        one_of(name, self.names(), f"there is no {self.what}")
        return _offers(self)[name]

    def find(self, name: str) -> Any:
        """Return what is offered under a name.

        Args:
            name: as in params.yaml

        Raises:
            ConfigError: as `module`
        """
        return _offered(self, self.module(name))[name]


@cache
def _offers(registry: Registry) -> dict[str, str]:
    return {name: module for module in modules(*registry.packages) for name in _offered(registry, module)}


@cache
def _offered(registry: Registry, module: str) -> dict[str, Any]:
    return {offer.name: offer for offer in getattr(import_module(module), registry.attribute, ())}
