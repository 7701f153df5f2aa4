"""Dockerfiles: their instructions by stage, and what `.dockerignore` leaves of the build context."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HANDLED = frozenset(
    ["FROM", "ARG", "ENV", "RUN", "COPY", "WORKDIR", "USER", "LABEL", "VOLUME", "HEALTHCHECK", "ENTRYPOINT", "CMD"]
)


class DockerfileError(Exception):
    """An instruction that this reader does not handle."""


@dataclass(frozen=True)
class Instruction:
    """An instruction, such as `RUN`, and the rest of its line, continuation lines joined."""

    name: str
    text: str
    line: int

    def words(self) -> list[str]:
        """Return the arguments, in JSON or as a shell splits them."""
        if self.text.startswith("["):
            return [str(word) for word in json.loads(self.text)]
        return shlex.split(self.text)


@dataclass(frozen=True)
class Stage:
    """A stage: the image or stage that it starts from, its name, its instructions after FROM."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def of(self, name: str) -> list[Instruction]:
        """Return the instructions with a name."""
        return [instruction for instruction in self.instructions if instruction.name == name]


def read(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile.

    Raises:
        DockerfileError: if it has instructions that are not handled
    """
    stages: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.name not in HANDLED:
            raise DockerfileError(f"line {instruction.line}: {instruction.name} is not handled")
        if instruction.name == "FROM":
            words = instruction.words()
            stages.append(Stage(words[0], words[2] if len(words) > 2 else str(len(stages))))
        elif not stages:
            raise DockerfileError(f"line {instruction.line}: {instruction.name} before FROM is not handled")
        else:
            stages[-1].instructions.append(instruction)
    return stages


def _instructions(text: str) -> Iterator[Instruction]:
    parts: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        start = start if parts else number
        continued = line.rstrip().endswith("\\")
        parts.append(line.strip().removesuffix("\\").strip())
        if not continued:
            name, _, rest = " ".join(parts).partition(" ")
            yield Instruction(name.upper(), rest.strip(), start)
            parts = []


def pairs(instruction: Instruction) -> dict[str, str]:
    """Return the pairs `NAME=VALUE` of ENV, LABEL or ARG; a name without a value has an empty one."""
    return dict(word.partition("=")[::2] for word in instruction.words())


def substituted(text: str, values: Mapping[str, str]) -> str:
    """Return text with `$NAME` and `${NAME}` replaced."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: values.get(match[1] or match[2], ""), text)


def health_command(instruction: Instruction) -> list[str]:
    """Return the command of HEALTHCHECK."""
    _, _, command = instruction.text.partition("CMD ")
    return [str(word) for word in json.loads(command)]


def ignored(path: str, patterns: Iterable[str]) -> bool:
    """Return whether `.dockerignore` leaves a file out: the last pattern that matches it, or its folder, decides."""
    is_ignored = False
    for pattern in patterns:
        keep = pattern.startswith("!")
        if _matches(path, pattern.removeprefix("!").strip("/")):
            is_ignored = not keep
    return is_ignored


def _matches(path: str, pattern: str) -> bool:
    parts = path.split("/")
    expression = _expression(pattern)
    return any(expression.fullmatch("/".join(parts[:length])) for length in range(1, len(parts) + 1))


def _expression(pattern: str) -> re.Pattern[str]:
    """Return a pattern as an expression: `*` stays within a folder, `**/` is any number of folders."""
    pieces = []
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern):
        pieces.append({"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)))
    return re.compile("".join(pieces))


def ignore_patterns(text: str) -> list[str]:
    """Return the patterns of a `.dockerignore`."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def context_files(context: Path, source: str, patterns: Iterable[str]) -> list[Path]:
    """Return the files that a COPY of a source takes from the build context, relative to it.

    Args:
        context: the build context
        source: of COPY: a file, a folder, or a pattern
        patterns: of `.dockerignore`
    """
    taken: list[Path] = []
    known = list(patterns)
    for path in sorted(context.glob(source.rstrip("/"))):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            relative = file.relative_to(context)
            if file.is_file() and not ignored(relative.as_posix(), known):
                taken.append(relative)
    return taken
