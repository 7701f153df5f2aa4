"""Classes of the listening page: from labels and from a file, with limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.annotate import class_definitions
from tasks.annotate.class_definitions import ClassDefinition
from tasks.core import tables
from tasks.core.errors import InputError


def test_the_sentiments_are_defined_with_borderline_cases() -> None:
    assert class_definitions.SENTIMENT.names == tables.SENTIMENTS
    assert all(item.definition and item.borderline for item in class_definitions.SENTIMENT.classes)
    swapped = class_definitions.of_labels(["positive", "neutral", "negative"])
    assert swapped.classes == class_definitions.SENTIMENT.classes[::-1]


def test_instructions_beside_a_text_are_about_both() -> None:
    shown = class_definitions.beside_text(class_definitions.SENTIMENT)
    assert shown.classes == class_definitions.SENTIMENT.classes
    assert "the voice and the words" in shown.instructions[0]
    assert shown.instructions[1:] == class_definitions.SENTIMENT.instructions[1:]


def test_labels() -> None:
    question = class_definitions.of_labels([" angry", "not sure", "3"])
    assert question.classes == tuple(map(ClassDefinition, ("angry", "not sure", "3")))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["angry"], "found 1 classes, expected 2 to 9"),
        ([str(number) for number in range(10)], "found 10 classes"),
        (["angry", "Angry"], "occurs twice"),
        (["angry", ""], "found the class"),
        (["angry", "=cmd()"], "found the class"),
        (["angry", "<b>"], "found the class"),
        (["angry", "a\nb"], "found the class"),
        (["angry", "Skipped"], "and not 'skipped'"),
        (["angry", "x" * 41], "at most 40"),
    ],
)
def test_invalid_labels(labels: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        class_definitions.of_labels(labels)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "classes.yaml"
    path.write_text(
        "question: Which feeling do you hear?\n"
        "classes:\n"
        "  angry: {definition: A raised or tense voice., borderline: [Only loud is calm.]}\n"
        "  calm: No feeling.\n"
    )
    question = class_definitions.read(path)
    assert question.question == "Which feeling do you hear?"
    assert question.instructions == class_definitions.SENTIMENT.instructions
    assert question.classes == (
        ClassDefinition("angry", "A raised or tense voice.", ("Only loud is calm.",)),
        ClassDefinition("calm", "No feeling."),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected the keys"),
        ("classes: [angry, calm]", "expected the keys"),
        ("classes: {angry: x, calm: y}\ncolour: red", "found the key 'colour'"),
        ("classes: {angry: [], calm: y}", r"classes.angry: expected a text, or definition"),
        ("classes: {angry: {hint: x}, calm: y}", r"classes.angry: expected a text, or definition"),
        ("classes: {angry: x, calm: {borderline: {}}}", "classes.calm.borderline: expected a list"),
        (f"classes: {{angry: {'x' * 501}, calm: y}}", "classes.angry: expected a text of at most 500"),
        ("classes: {angry: x, <b>: y}", "found the class '<b>'"),
    ],
)
def test_invalid_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "classes.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"classes\.yaml: .*{message}|classes\.yaml: {message}"):
        class_definitions.read(path)
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read"):
        class_definitions.read(tmp_path / "none.yaml")
