"""Strict settings from plain values, with helpful messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from tasks.core.errors import ConfigError
from tasks.features.base.settings import settings_of


@dataclass(frozen=True)
class Demo:
    rate: float = 0.5
    steps: int = 3
    mode: Literal["slow", "fast"] = "slow"
    widths: tuple[int, ...] = (1, 2)
    names: list[str] = field(default_factory=list)
    base: dict[str, Any] = field(default_factory=dict)
    gamma: Literal["scale"] | float = "scale"
    limit: float | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError("rate must be above 0")


@dataclass(frozen=True)
class Outer:
    demo: Demo = field(default_factory=Demo)


@dataclass(frozen=True)
class Needy:
    path: str
    size: int = 1


def test_settings_inside_settings() -> None:
    assert settings_of(Outer, {"demo": {"rate": 1, "widths": [3]}}, "x").demo == Demo(rate=1.0, widths=(3,))
    with pytest.raises(ConfigError, match=r"x\.demo: unknown key 'rat'; did you mean 'rate'"):
        settings_of(Outer, {"demo": {"rat": 1}}, "x")
    with pytest.raises(ConfigError, match=r"x\.demo: rate must be above 0"):
        settings_of(Outer, {"demo": {"rate": -1}}, "x")
    with pytest.raises(ConfigError, match=r"x\.demo is 3"):
        settings_of(Outer, {"demo": 3}, "x")


def test_empty_values_give_the_defaults() -> None:
    assert settings_of(Demo, {}, "x") == Demo()


def test_an_int_becomes_a_float_and_a_list_a_tuple() -> None:
    values = {
        "rate": 1,
        "steps": 4,
        "mode": "fast",
        "widths": [3, 4, 5],
        "names": ["a"],
        "base": {"text": {"name": "tf-idf", "c": 0.1, "list": [1, None]}},
        "gamma": 0.1,
        "limit": 2,
        "quiet": True,
    }
    settings = settings_of(Demo, values, "x")
    assert settings == Demo(1.0, 4, "fast", (3, 4, 5), ["a"], values["base"], 0.1, 2.0, True)
    assert isinstance(settings.rate, float)
    assert isinstance(settings.widths, tuple)
    assert settings_of(Demo, {"limit": None, "gamma": "scale", "widths": (9,)}, "x").widths == (9,)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rat": 1}, r"experiments.demo.model: unknown key 'rat'; did you mean 'rate'\?; allowed here: rate, steps"),
        ({"rate": "1"}, "experiments.demo.model.rate is '1'; input should be a valid number"),
        ({"rate": True}, "rate is True; input should be a valid number"),
        ({"rate": float("nan")}, "rate is nan; input should be a finite number"),
        ({"limit": float("inf")}, "limit is inf; input should be a finite number"),
        ({"steps": 1.0}, "steps is 1.0; input should be a valid integer"),
        ({"steps": True}, "steps is True; input should be a valid integer"),
        ({"steps": None}, "steps is None; input should be a valid integer"),
        ({"mode": "quick"}, "mode is 'quick'; input should be 'slow' or 'fast'"),
        ({"gamma": "wide"}, "gamma is 'wide'; input should be 'scale'; or input should be a valid number"),
        ({"widths": [1, "2"]}, r"widths is \[1, '2'\]; input should be a valid integer"),
        ({"quiet": 1}, "quiet is 1; input should be a valid boolean"),
        ({"base": [1]}, r"base is \[1\]; input should be"),
        ({"rate": -1}, "^experiments.demo.model: rate must be above 0$"),
        ({"rate": object()}, "object cannot come from YAML"),
    ],
)
def test_problems_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings_of(Demo, values, "experiments.demo.model")


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        settings_of(Needy, {"size": "big", "colour": 1}, "here")
    assert len(str(raised.value).splitlines()) == 3
    assert "here.path is missing" in str(raised.value)
