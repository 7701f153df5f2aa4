"""Recognise the names of speakers before a colon: `JOY: We waited.`, `Speaker 2: …`, `[SPEAKER_01] …`, `>> Joy: …`.

Names in brackets alone, `[JOY] We waited.`, look like sounds, `[LAUGHING] We waited.`: they are names if most cues
begin with one, or if the same name also has a colon. Roles, `(MAN)`, need no evidence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

_LONGEST, _MOST_WORDS = 40, 5
_FEWEST_LABELS, _FEWEST_OF_ONE = 3, 3
_MOSTLY = 0.5
"""In transcripts, at least this share of the cues has a name."""

_LABEL = re.compile(
    r"(?P<lead>^\s*(?:[-‐‑–—―]+\s*)?|>{2,}\s*(?:[-‐‑–—―]+\s*)?)"
    r"(?:"
    r"[\[(]?(?P<numbered>(?:speaker|spk)[ _-]?\d+)\b[\])]?(?:\s?[:：]|(?<=\]))"  # [SPEAKER_01], Speaker 2:
    r"|[\[(]\s*(?P<bracketed>[^\W\d_][^\[\]():：<>]*?)\s*(?:[\])]\s?[:：]|[:：]\s*[\])])"  # (GRACE): or [JOY:]
    r"|[\[(]\s*(?P<alone>[^\W\d_][^\[\]():：<>!?]*?)\s*[\])]"  # (GRACE) or [JOY]
    r"|(?P<plain>[^\W\d_][^\[\]():：<>!?]*?)(?P<description>\s?[\[(][^\[\]()]{1,40}[\])])?\s?(?:：|:(?![\d/]))"
    r")(?=\s|$|[^\W\d_]|[\"“'‘«(\[♪…¿¡])",
    re.IGNORECASE,
)
_SOUND = re.compile(
    r"(?:applau\w+|audience|barks?|beeps?|bells?|cheers?|chuckles?|claps?|clears|coughs?|cries|cry|foreign|gasps?|giggles?"
    r"|groans?|inaudible|indistinct|laugh\w*|music\w*|noises?|pause|phone|rings?|scoffs?|screams?|sighs?|silence|sings|sniffs?"
    r"|sobs?|speaks|unintelligible|whispers?|yells?|\w+ing)\b",
    re.IGNORECASE,
)
"""Descriptions of sounds, by their first word, which are in brackets as well."""
_NUMBER = re.compile(r"#?\d+\.?|[A-Z]")
_ROLES = frozenset(
    """
    announcer host cohost co-host interviewee interviewer moderator narrator presenter reporter speaker voiceover
    """.split()  # noqa: SIM905 — a list of words reads as one
)
_COUNTED_ROLES = _ROLES | frozenset(
    """
    actor adult anchor attendee audience boy caller child clerk contestant customer doctor employee fan female girl
    guard guest judge kid lady male man member nurse officer operator panelist participant patient person player reader
    respondent singer soldier student teacher translator unidentified unknown user viewer visitor voice witness woman
    """.split()  # noqa: SIM905 — a list of words reads as one
)
"""Roles with a number or with another role: `Man 2:`, `Male Voice:`."""
_TITLES = frozenset(["mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sen", "senator", "rep", "gen", "president"])
_PARTICLES = frozenset(["van", "von", "de", "der", "del", "da", "di", "la", "le", "al", "bin", "of", "the", "and", "&"])
_QUESTION_AND_ANSWER = frozenset(["q", "a"])
_AMBIGUOUS = _QUESTION_AND_ANSWER | frozenset(["question", "answer", "all", "both"])
"""Labels whose form shows little."""
_UNUSUAL = frozenset(
    """
    a address also alert am an answers are as attention because besides bonus breaking bridge but caption
    captions case caution chapter chorus clue conclusion cons credits danger date day definition disclaimer
    email episode example exercise exhibit fact facts figure finally first for from fun fyi goal he her here
    his hint how i idea important ingredients inside intro is it its key lastly lesson level listen location
    long look lyrics me meaning message method mission money moral music my nb news next no note notes now
    number ok okay one option or our outro outside part phone plan point price pro problem pros ps questions
    quote re reason remember result results rule said says scene score season second section see she shot so
    solution song source sources spoiler status step story subject subtitle subtitles summary take task tell
    test that their then therefore they thing third this three tip title to today tomorrow tonight topic total
    track trick trivia truth two update urgent version verse warning was we website week well were what when
    where which who why will work yes yesterday you your
    """.split()  # noqa: SIM905 — a list of words reads as one
)
"""Words in a line before a colon that are in no name."""


class Form(Enum):
    """Certainty that a label of this form is a name."""

    CERTAIN = "certain"
    CAPITALS = "capitals"
    MIXED = "mixed"
    ALONE = "alone"
    """In brackets, without a colon."""


@dataclass(frozen=True)
class Label:
    """A possible name in a displayed line; it ends after its colon.

    Args:
        name: in lower case
        start: of the label in the line
        end: after the colon
        lead: marks of another speaker before it
        description: how the speaker talks
        form: how sure it is that this is a name
        is_sentence: whether the words after it begin as a sentence does
    """

    name: str
    start: int
    end: int
    lead: str
    description: str
    form: Form
    is_sentence: bool = True


def labels(line: str) -> Iterator[Label]:
    """Yield the possible names in a line: at its beginning, and after chevrons.

    Args:
        line: as displayed
    """
    for match in _LABEL.finditer(line):
        name = match["numbered"] or match["bracketed"] or match["alone"] or match["plain"]
        form = _form(name, lead=match["lead"].strip(), bracketed=match["plain"] is None)
        if match["alone"] and form:
            form = None if _SOUND.match(name) else _form_alone(name)
        if form:
            description = (match["description"] or "").strip()
            is_sentence = not line[match.end() :].lstrip()[:1].islower()
            yield Label(
                name.casefold(), match.start(), match.end(), match["lead"].strip(), description, form, is_sentence
            )


def accepted(candidates: Sequence[Label], n_cues: int, *, in_capitals: bool) -> frozenset[str]:
    """Return the names that recur enough, or whose form is enough.

    Args:
        candidates: one for every line of the file
        n_cues: number of cues of the file
        in_capitals: whether the file has no lower case, so that capitals show nothing
    """
    alone = Counter(label.name for label in candidates if label.form is Form.ALONE)
    candidates = [label for label in candidates if label.form is not Form.ALONE]
    if len(alone) > 1 and alone.total() >= max(_FEWEST_LABELS, _MOSTLY * n_cues):
        return accepted(candidates, n_cues, in_capitals=in_capitals) | alone.keys()
    sure = (Form.CERTAIN,) if in_capitals else (Form.CERTAIN, Form.CAPITALS)
    certain = {label.name for label in candidates if label.form in sure}
    counts = Counter(label.name for label in candidates)
    if counts.keys() >= _QUESTION_AND_ANSWER:
        certain |= _QUESTION_AND_ANSWER
    sentences = Counter(label.name for label in candidates if label.is_sentence)
    recurring = {name for name, count in sentences.items() if count > 1}
    if len(candidates) >= max(_FEWEST_LABELS, _MOSTLY * n_cues) and len(counts) > 1:
        # a transcript, in which every speaker is named
        return frozenset(counts)
    others = recurring if len(recurring | certain) > 1 else {n for n in recurring if sentences[n] >= _FEWEST_OF_ONE}
    return frozenset(certain | others)


def _form(name: str, *, lead: str, bracketed: bool) -> Form | None:
    """Return how sure it is that a text before a colon is a name; None if it is none."""
    words = name.replace(",", " ").split()
    lower = [word.casefold().rstrip(".") for word in words]
    if not words or len(name) > _LONGEST or len(words) > _MOST_WORDS:
        return None
    if re.match(r"(?:speaker|spk)[ _-]?\d", name, re.IGNORECASE) or _is_role(words, lower):
        return Form.CERTAIN
    if len(words) == 1 and lower[0] in _AMBIGUOUS and words[0][0].isupper():
        return Form.CAPITALS if words[0].isupper() and len(lower[0]) > 1 else Form.MIXED
    if (
        not _UNUSUAL.isdisjoint(lower)
        or not all(map(_is_capitalised, words, lower))
        or lower[0] in _PARTICLES - {"the"}
        # not after a role: a number of another thing (`At 5:`, `Psalm 23:`)
        or any(word.isdecimal() for word in words)
    ):
        return None
    if bracketed or lead.startswith(">") or (lower[0] in _TITLES and len(words) > 1):
        return Form.CERTAIN
    capitals = [word for word, part in zip(words, lower, strict=True) if part not in _PARTICLES]
    is_capitals = " ".join(capitals).replace("Mc", "MC").isupper() and sum(map(str.isalpha, name)) > 1
    return Form.CAPITALS if is_capitals else Form.MIXED


def _form_alone(name: str) -> Form:
    """Return the form of a name in brackets without a colon: a role, such as `(MAN)`, is no sound."""
    words = name.split()
    return Form.CERTAIN if _is_role(words, [word.casefold() for word in words]) else Form.ALONE


def _is_role(words: Sequence[str], lower: Sequence[str]) -> bool:
    named = [word for word, part in zip(words, lower, strict=True) if part not in _COUNTED_ROLES]
    if not words[0][0].isupper() or len(named) == len(words):
        return False
    if not named:
        return len(words) > 1 or lower[0] in _ROLES or words[0].isupper()
    # a number or letter after roles
    return len(named) == 1 and named[0] == words[-1] and _NUMBER.fullmatch(named[0]) is not None


def _is_capitalised(word: str, lower: str) -> bool:
    first = word.lstrip("'\"“‘#.")[:1]
    return lower in _PARTICLES or first.isdigit() or not first.islower()
