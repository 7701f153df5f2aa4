"""Strict conversion of params.yaml values to the settings dataclasses of models and extractors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from tasks.core.errors import ConfigError


def settings_of(kind: type, values: Mapping[str, Any], where: str) -> Any:
    """Build a settings dataclass from plain values.

    Only these conversions are made: int to float, list to tuple, mapping to a nested settings dataclass.

    Args:
        kind: a frozen dataclass; its `__post_init__` may reject values with ValueError or ConfigError
        values: field → value, as read from YAML or JSON
        where: location for error messages, such as `experiments.NAME.model`

    Returns:
        an instance of `kind`

    Raises:
        ConfigError: if a key is unknown or missing, or a value has the wrong type or is out of range; lists all wrong
            keys and types at once

    Example:
        >>> from tasks.models.classical import LogisticSettings
        >>> settings_of(LogisticSettings, {"c": 1}, "experiments.demo.model").c
        1.0
    """
    allowed = {field.name: field for field in fields(kind) if field.init}
    hints = get_type_hints(kind, include_extras=True)
    problems = [_unknown(str(key), allowed, where) for key in values if key not in allowed]
    problems += [f"{where}.{name} is missing" for name, field in allowed.items() if _required(field, values)]
    built: dict[str, Any] = {}
    for name in allowed.keys() & values.keys():
        try:
            built[name] = _value(hints[name], values[name], f"{where}.{name}")
        except ConfigError as error:
            problems.append(str(error))
        except ValueError as error:
            problems.append(f"{where}.{name} is {values[name]!r}; {_expected(error)}")
    if problems:
        raise ConfigError("\n".join(sorted(problems)))
    try:
        return kind(**built)
    except (ValueError, ConfigError) as error:
        raise ConfigError(f"{where}: {error}") from None


def _required(field: Field[Any], values: Mapping[str, Any]) -> bool:
    return field.name not in values and field.default is MISSING and field.default_factory is MISSING


def _unknown(key: str, allowed: Iterable[str], where: str) -> str:
    names = list(allowed)
    close = difflib.get_close_matches(key, names, 1)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return f"{where}: unknown key {key!r}{guess}; allowed here: {', '.join(names) or 'nothing'}"


def _value(hint: Any, value: Any, where: str) -> Any:
    if not (isinstance(hint, type) and is_dataclass(hint)):
        return _read(hint, value)
    if not isinstance(value, Mapping):
        raise ValueError(f"expected settings such as {{{next(iter(fields(hint))).name}: …}}")
    return settings_of(hint, value, where)


def _read(hint: Any, value: Any) -> Any:
    from pydantic_core import PydanticSerializationError, to_json

    try:
        plain = to_json(value, inf_nan_mode="constants")
    except PydanticSerializationError:
        raise ValueError(f"{type(value).__name__} cannot come from YAML") from None
    # validate JSON, not Python objects: in strict mode pydantic rejects a Python list for a tuple
    return _validator(hint).validate_json(plain)


@cache
def _validator(hint: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(hint, config=ConfigDict(strict=True, allow_inf_nan=False))


def _expected(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    messages = [problem["msg"] for problem in error.errors(include_url=False)]
    return "; or ".join(dict.fromkeys(f"{message[0].lower()}{message[1:]}" for message in messages))
