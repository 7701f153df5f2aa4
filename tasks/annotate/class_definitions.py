"""Classes that listeners choose from, with the definitions and instructions that the page shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.core import tables, text_files, yaml_files
from tasks.core.errors import InputError
from tasks.labelling.people import rating_sheets

MOST_CLASSES = 9
"""Number of keys, 1 to 9."""
_NAME = re.compile(r"[^\W_](?:[\w '/-]{0,38}[\w])?")
_LONGEST_TEXT = 500
_MOST_TEXTS = 10
_KEYS = ("question", "instructions", "classes")


@dataclass(frozen=True)
class ClassDefinition:
    """A class, its definition, and borderline cases; both may be empty."""

    name: str
    definition: str = ""
    borderline: tuple[str, ...] = ()


@dataclass(frozen=True)
class RatingQuestion:
    """Question of the listening page, with its classes.

    Args:
        question: heading of the page
        instructions: paragraphs or rules
        classes: the possible answers, in the order of the keys 1 to 9
    """

    question: str
    instructions: tuple[str, ...]
    classes: tuple[ClassDefinition, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the classes."""
        return tuple(item.name for item in self.classes)


_QUESTION = "How does the speaker sound?"
_OF_THE_VOICE = "Rate the voice: how something is said, not what is said."
_OF_BOTH = "Rate what you hear and read together: the voice and the words."
_INSTRUCTIONS = (
    _OF_THE_VOICE,
    "There is no right or wrong answer. Decide by your first impression of the whole clip; you can play it again.",
    "Skip a clip if you cannot rate it: nobody speaks, several people speak at once, or the sound is damaged.",
)
SENTIMENT = RatingQuestion(
    _QUESTION,
    _INSTRUCTIONS,
    (
        ClassDefinition(
            "negative",
            "The speaker sounds angry, sad, afraid, disgusted, worried or annoyed.",
            (
                "Sad words in a calm voice: neutral.",
                "Laughing while complaining: negative if the complaint sounds serious.",
                "Only tired or slow: neutral.",
            ),
        ),
        ClassDefinition(
            "neutral",
            "No feeling stands out: matter-of-fact, calm or concentrated.",
            (
                "Polite friendliness, as in a greeting: neutral.",
                "Loud, fast or hesitant without a feeling: neutral.",
                "Two feelings in a balance: neutral; if one prevails, take that.",
            ),
        ),
        ClassDefinition(
            "positive",
            "The speaker sounds happy, amused, enthusiastic, affectionate, proud or relieved.",
            (
                "Bitter or mocking laughter: negative.",
                "A smile that you can hear: positive, even if it is weak.",
                "Good news in a flat voice: neutral.",
            ),
        ),
    ),
)


def of_labels(labels: Sequence[str]) -> RatingQuestion:
    """Return a question on classes without definitions; the three sentiments have those of `SENTIMENT`.

    Args:
        labels: names of the classes

    Raises:
        InputError: if a name is not valid, occurs twice, or there are not 2 to 9
    """
    names = _checked_names([label.strip() for label in labels], "--labels")
    with_text = {item.name: item for item in SENTIMENT.classes} if set(names) == set(tables.SENTIMENTS) else {}
    return RatingQuestion(_QUESTION, _INSTRUCTIONS, tuple(with_text.get(name, ClassDefinition(name)) for name in names))


def beside_text(question: RatingQuestion) -> RatingQuestion:
    """Return a question whose own instructions fit clips that are shown with their text.

    Args:
        question: what is asked; instructions from a file stay
    """
    instructions = tuple(_OF_BOTH if line == _OF_THE_VOICE else line for line in question.instructions)
    return replace(question, instructions=instructions)


def read(path: Path) -> RatingQuestion:
    """Read a question with its classes from a YAML file: `question`, `instructions` and `classes`.

    A class is `NAME: {definition: TEXT, borderline: [TEXT, …]}`. Only the classes are required.

    Args:
        path: the file

    Raises:
        InputError: if there is no such file, or an entry is not valid
        ConfigError: if it is no YAML
    """
    try:
        content = yaml_files.read(path, typed=False).content
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not isinstance(content, dict) or not isinstance(content.get("classes"), dict):
        raise InputError(
            f"{path}: expected the keys {text_files.listed(_KEYS)}, with NAME: {{definition: …}} in classes"
        )
    if unknown := [key for key in content if key not in _KEYS]:
        raise InputError(f"{path}: found the key {text_files.quoted(unknown[0])}, expected {text_files.listed(_KEYS)}")
    names = _checked_names(list(content["classes"]), f"{path}: classes")
    return RatingQuestion(
        _text(content.get("question", _QUESTION), f"{path}: question"),
        _texts(content.get("instructions", list(_INSTRUCTIONS)), f"{path}: instructions"),
        tuple(_class(name, content["classes"][name], f"{path}: classes.{name}") for name in names),
    )


def _class(name: str, entry: Any, where: str) -> ClassDefinition:
    if isinstance(entry, str):
        return ClassDefinition(name, _text(entry, where))
    if not isinstance(entry, Mapping) or not set(entry) <= {"definition", "borderline"}:
        raise InputError(f"{where}: expected a text, or definition (a text) and borderline (a list of texts)")
    definition = _text(entry.get("definition", ""), f"{where}.definition")
    return ClassDefinition(name, definition, _texts(entry.get("borderline", []), f"{where}.borderline"))


def _checked_names(names: Sequence[str], where: str) -> list[str]:
    for name in names:
        if not _NAME.fullmatch(name) or name.casefold() == rating_sheets.SKIPPED:
            raise InputError(
                f"{where}: found the class {text_files.quoted(name)}, expected a letter or digit first, then letters, "
                f"digits, spaces and - _ / ', at most 40 in all, and not {rating_sheets.SKIPPED!r}"
            )
    if len({name.casefold() for name in names}) < len(names):
        raise InputError(f"{where}: a class occurs twice in {text_files.listed(names)}")
    if not 2 <= len(names) <= MOST_CLASSES:
        raise InputError(f"{where}: found {len(names)} classes, expected 2 to {MOST_CLASSES}: each has a key")
    return list(names)


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or len(value) > _MOST_TEXTS:
        raise InputError(f"{where}: expected a list of at most {_MOST_TEXTS} texts")
    return tuple(_text(item, where) for item in value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise InputError(f"{where}: expected a text of at most {_LONGEST_TEXT} characters")
    return value
