"""Every extractor has valid metadata and frozen settings with defaults."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import get_args

import pytest

from tasks.core.errors import ConfigError
from tasks.features.base import extractor as interface
from tasks.features.base import registry


@pytest.mark.parametrize("name", registry.names())
def test_every_name_has_an_extractor(name: str) -> None:
    found = registry.extractor(name)
    assert found.name == name
    assert found in import_module(registry.module(name)).EXTRACTORS
    assert found.title and not found.title.endswith(".")
    assert found.reads in get_args(interface.Reads)
    assert found.gives in get_args(interface.Gives)


@pytest.mark.parametrize("name", registry.names())
def test_settings_are_frozen_and_have_defaults(name: str) -> None:
    kind = registry.extractor(name).settings
    assert is_dataclass(kind)
    settings = kind()
    assert hash(settings) == hash(kind())
    for field in fields(settings):
        with pytest.raises(AttributeError):
            setattr(settings, field.name, None)


def test_an_unknown_name() -> None:
    with pytest.raises(ConfigError, match="did you mean text-embedding"):
        registry.extractor("text-embeding")


def test_nothing_heavy_at_import() -> None:
    modules = [registry.module(name) for name in registry.names()]
    heavy = "{'torch', 'transformers', 'simplemma', 'pyAudioAnalysis', 'huggingface_hub'}"
    code = (
        f"import sys, {', '.join(modules)}, tasks.features.base.tiny_checkpoints; assert not {heavy} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
