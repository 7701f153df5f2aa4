"""All checks on one table and one protocol's folds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.leaks import contamination, derived, sound, spans, speaker_statistics, text
from tasks.leaks.finding import MOST_EXAMPLES, AuditReport, Finding, FoldSize, Severity, settled
from tasks.leaks.sides import FoldRows, Rows, Sides, codes

MAX_DURATION_S = 30.0
_SEEN = {
    "seen speakers": ("speaker", "are by speakers who are in the training part too"),
    "seen groups": ("group", "are of groups (videos, dialogues, sessions) that are in the training part too"),
    "seen scripts": ("script", "say a sentence or script that is in the training part too"),
}


class SplitProtocol(Protocol):
    """A protocol: what it is called, what it keeps apart, and whether it is leaky by intent."""

    @property
    def name(self) -> str:
        """As it is written."""

    @property
    def unit(self) -> tuple[str, ...]:
        """Columns whose values it keeps apart."""

    @property
    def leaky(self) -> bool:
        """Whether it keeps nothing apart, and says so."""

    def in_words(self) -> str:
        """Return it as a sentence."""


def audit(
    utterances: pa.Table,
    splits: Sequence[FoldRows],
    rule: SplitProtocol,
    *,
    sounds: pa.Table | None = None,
    parents: pa.Table | None = None,
    features: NDArray[np.float64] | None = None,
    checkpoints: Collection[str] = (),
    pretrained_on: Collection[str] = (),
    parts_saw_test: bool = False,
    declared: Collection[str] = (),
) -> AuditReport:
    """Look for everything that training and test part share and should not.

    Args:
        utterances: the utterance table; splits hold its row numbers
        splits: the folds
        rule: the protocol they were made by
        sounds: digests and fingerprints, columns of `tables.SOUNDS`; without it, sound is not looked at
        parents: ids of derived rows (`child`), what they were made of (`parent`), and in which `fold`
        features: as a classifier is given them, row by row, shape (n_rows, n_features)
        checkpoints: pretrained models that the recipe uses
        pretrained_on: corpora that the recipe says they have seen
        parts_saw_test: whether parts of the model have been trained on every row
        declared: checks whose violations the recipe knows of and accepts

    Raises:
        ConfigError: if `declared` names a check that there is not
    """
    sides = Sides(np.array(utterances["utterance_id"].to_pylist(), dtype=str), splits)
    broken: Severity = "declared" if rule.leaky else "violation"
    findings = [
        *_torn(sides, broken),
        *_seen(utterances, sides, rule),
        *_texts(utterances, sides, rule),
        *_spans(utterances, sides, broken),
        *(_sounds(sounds, sides, broken) if sounds is not None and sounds.num_rows else ()),
    ]
    if parts_saw_test:
        tested = [split.test for split in splits]
        findings.append(sides.finding("learned in parts", broken, tested, "have been learned by parts of the model"))
    if parents is not None:
        findings.append(derived.check(parents, sides))
    if features is not None:
        names = np.unique([one or "" for one in utterances["speaker"].to_pylist()]).tolist()
        speakers = [one for one in names if one]
        findings.append(speaker_statistics.check(features, codes(utterances["speaker"].to_pylist()), speakers, splits))
    if checkpoints or pretrained_on:
        corpora = sorted({one for one in utterances["corpus"].to_pylist() if one})
        findings.append(contamination.check(corpora, checkpoints, pretrained_on))
    parts = tuple(FoldSize(one.name, one.train.size, one.test.size) for one in splits)
    return AuditReport(rule.name, rule.in_words(), utterances.num_rows, parts, settled(findings, declared))


def _torn(sides: Sides, broken: Severity) -> list[Finding]:
    """Look for utterances on both sides: splits that hold a row on one side only have none to look for."""
    both = [np.intersect1d(split.train, split.test) for split in sides.splits]
    if not any(rows.size for rows in both):
        return []
    return [sides.finding("torn utterances", broken, both, "are in the training part too, with other windows")]


def _seen(utterances: pa.Table, sides: Sides, rule: SplitProtocol) -> list[Finding]:
    found, values = [], {}
    for check, (column, what) in _SEEN.items():
        values[column] = numbers = codes(utterances[column].to_pylist())
        if (numbers < 0).all() or (column == "group" and _alike(numbers, values["speaker"])):
            continue
        severity: Severity = "violation" if column in rule.unit else "declared" if rule.leaky else "warning"
        found.append(sides.finding(check, severity, sides.sharing(numbers), what))
    recording = _recordings(utterances)
    if recording.size and len(np.unique(recording[recording >= 0])) < (recording >= 0).sum():
        severity = "declared" if rule.leaky else "warning"
        what = "come out of a recording that is in the training part too"
        found.append(sides.finding("seen recordings", severity, sides.sharing(recording), what))
    return found


def _alike(a: Rows, b: Rows) -> bool:
    """Say whether two columns group the rows in the same way, so that one of them says it all."""
    return bool(np.unique(np.stack([a, b]), axis=1).shape[1] == np.unique(a).size == np.unique(b).size)


def _texts(utterances: pa.Table, sides: Sides, rule: SplitProtocol) -> list[Finding]:
    texts = utterances["text"].to_pylist()
    if not any(texts):
        return []
    severity: Severity = "violation" if "script" in rule.unit else "declared" if rule.leaky else "warning"
    bare = codes([text.bare(one or "") for one in texts])
    said = "say, but for case and punctuation, what is in training too"
    same = sides.finding("same text", severity, sides.sharing(bare), said)
    normal = codes([text.normal(one or "") for one in texts])
    distinct, first = np.unique(normal, return_index=True)
    words = [text.normal(texts[row] or "") for row in first[distinct >= 0].tolist()]
    # rows of texts that resemble each other get one number, chain by chain
    joined = _components(len(words), text.similar(words))
    long = (normal >= 0) & ~np.append(_short(words), True)[normal]
    near = np.where(long, np.append(joined, -1)[normal], -1)
    what = f"of {text.MIN_WORDS} words or more say nearly what is in training too"
    return [same, sides.finding("similar text", severity, sides.sharing(near), what)]


def _short(words: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([one.count(" ") + 1 < text.MIN_WORDS for one in words], dtype=bool)


def _components(n: int, pairs: NDArray[np.int64]) -> Rows:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _spans(utterances: pa.Table, sides: Sides, broken: Severity) -> list[Finding]:
    recording = _recordings(utterances)
    own = "recording_start_s" in utterances.column_names
    start_s, end_s = (
        np.array(utterances[f"{prefix}{name}"].to_pylist(), dtype=np.float64)
        for prefix in ("recording_" if own else "",)
        for name in ("start_s", "end_s")
    )
    if np.isnan(end_s).all():
        return []
    what = "overlap in time with a training utterance of the same recording"
    crossing = sides.crossing(spans.overlapping(recording, start_s, end_s))
    length_s = np.nan_to_num(end_s - start_s)
    long = np.flatnonzero(length_s > MAX_DURATION_S)
    longest = long[np.argsort(-length_s[long])]
    examples = tuple(f"{sides.ids[row]}: {length_s[row]:.0f} s" for row in longest[:MOST_EXAMPLES].tolist())
    said = f"{long.size} utterances are longer than {MAX_DURATION_S:.0f} s; see whether their times are right"
    return [
        sides.finding("overlapping spans", broken, crossing, what),
        Finding("overlong spans", "note", long.size, utterances.num_rows, said, examples),
    ]


def _recordings(utterances: pa.Table) -> Rows:
    column = "recording" if "recording" in utterances.column_names else "audio"
    return codes(utterances[column].to_pylist())


def _sounds(sounds: pa.Table, sides: Sides, broken: Severity) -> list[Finding]:
    place = {one: row for row, one in enumerate(sides.ids.tolist())}
    rows = np.array([place.get(one, -1) for one in sounds["utterance_id"].to_pylist()], dtype=np.int64)
    samples = np.full(sides.ids.size, -1, dtype=np.int64)
    samples[rows[rows >= 0]] = codes(sounds["samples_sha256"].to_pylist())[rows >= 0]
    heard = [np.asarray(one if one is not None else [], dtype=np.uint32) for one in _lists(sounds["fingerprint"])]
    near = [(a, b) for a, b, _ in sound.near_duplicates(heard) if rows[a] >= 0 and rows[b] >= 0]
    pairs = rows[np.array(near, dtype=np.int64).reshape(-1, 2)]
    return [
        sides.finding("same sound", broken, sides.sharing(samples), "have samples that are in training too"),
        sides.finding("similar sound", broken, sides.crossing(pairs), "sound as a training utterance does"),
    ]


def _lists(column: pa.ChunkedArray) -> list[NDArray[np.uint32] | None]:
    """Return a column of lists as arrays, without a Python number for every word."""
    found: list[NDArray[np.uint32] | None] = []
    for chunk in column.chunks:
        flat = chunk.values.to_numpy(zero_copy_only=False)
        edges, there = chunk.offsets.to_numpy(), chunk.is_valid().to_pylist()
        found += [flat[edges[i] : edges[i + 1]] if there[i] else None for i in range(len(chunk))]
    return found
