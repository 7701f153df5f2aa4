"""Stage code: digests of the code, the checkpoints and the optional inputs of each stage, on which others depend.

A digest ignores comments, docstrings and modules that do not affect results, so that such edits make no stage stale.
Plug-ins count where they are used: models in the digests of their recipes, readers in those of their corpora. DVC has
no optional dependencies: a file that may be missing, such as scores on altered sound, counts in the digest of the stage
that reads it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from inspect import signature
from typing import Any

from tasks.core import code_version, discovery, paths, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.core.errors import UndertoneError
from tasks.experiments import checkpoint_list

_PER_NAME = {"corpus": "corpora", "extract": "features"}
"""Stage → section of params.yaml that names its instances; of other stages with instances it is `experiments`."""


def run(config: Config, *, each: Each) -> None:
    """Write `data/code/digests.json`: stage → digest of its code; there are no items for `each`.

    Args:
        config: all settings
        each: unused
    """
    digests = dict(sorted(_digests(checkpoint_list.registered(config))))
    tables.write_text(paths.CODE_DIGESTS, json.dumps(digests, indent=2) + "\n")


def _digests(config: Config) -> Iterator[tuple[str, str]]:
    for module in discovery.modules(f"{code_version.PACKAGE}.stages"):
        stage, word = import_module(module), module.rpartition(".")[2]
        if word in ("checkpoint", "code"):
            continue
        if "name" not in signature(stage.run).parameters:
            yield word, _digest(stage, config)
            continue
        for name in getattr(config, _PER_NAME.get(word, "experiments")):
            yield f"{word}@{name}", _digest(stage, config, name)


def _digest(stage: Any, config: Config, *name: str) -> str:
    """Return the digest of a stage's module, its plug-ins, its checkpoints, and its optional inputs that exist.

    An invalid recipe counts as one without plug-ins: its own stage reports the error.
    """
    plugins: Iterable[str] = ()
    named: Iterable[str] = ()
    with suppress(UndertoneError):
        plugins = stage.plugins(config, *name) if hasattr(stage, "plugins") else ()
        named = stage.checkpoints_of(config, *name) if hasattr(stage, "checkpoints_of") else ()
    digest = code_version.version(stage.__name__, *sorted(set(plugins)), neutral=code_version.WITHOUT_EFFECT)
    fingerprints = [checkpoint_list.fingerprint(config, checkpoint) for checkpoint in named]
    optional = stage.optional_inputs(*name) if hasattr(stage, "optional_inputs") else ()
    fingerprints += [hashlib.sha256(path.read_bytes()).hexdigest() for path in optional if path.is_file()]
    if not any(fingerprints):
        return digest
    return hashlib.sha256(" ".join((digest, *fingerprints)).encode()).hexdigest()[:16]
