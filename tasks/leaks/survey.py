"""The leakage audit: all checks on a table and the folds of a protocol."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.leaks import contamination, derived, sound, spans, speaker_statistics, text, voices
from tasks.leaks.finding import (
    MOST_EXAMPLES,
    RANDOM_FOLDS,
    AuditReport,
    Finding,
    FoldSize,
    Severity,
    accepted_checks,
    settled,
)
from tasks.leaks.sides import FoldRows, Rows, Sides, codes

_MAX_DURATION_S = 30.0
_SEEN = {
    "seen speakers": ("speaker", "are by speakers who are in the training part too"),
    "seen groups": ("group", "are of groups (videos, dialogues, sessions) that are in the training part too"),
    "seen scripts": ("script", "say a sentence or script that is in the training part too"),
}


class SplitProtocol(Protocol):
    """The properties of a protocol that the audit uses (`tasks.evaluation.protocols.Protocol`)."""

    @property
    def name(self) -> str:
        """Its form in params.yaml."""

    @property
    def unit(self) -> tuple[str, ...]:
        """Columns whose values are never on both sides."""

    @property
    def leaky(self) -> bool:
        """Whether it keeps nothing apart on purpose."""

    def in_words(self) -> str:
        """Return its description."""


def audit(
    utterances: pa.Table,
    splits: Sequence[FoldRows],
    rule: SplitProtocol,
    *,
    sounds: pa.Table | None = None,
    parents: pa.Table | None = None,
    features: Sequence[NDArray[np.floating]] = (),
    checkpoints: Collection[str] = (),
    pretrained_on: Collection[str] = (),
    parts_saw_test: bool = False,
    declared: Collection[str] = (),
) -> AuditReport:
    """Run all checks for which there is data.

    Args:
        utterances: the utterance table; splits contain its row numbers; with a column `voice`, voices are compared
        splits: the folds
        rule: the protocol that made the folds
        sounds: ids, digests of samples and fingerprints, columns of `tables.SOUNDS`; None: no check of sound
        parents: ids of derived rows (`child`), of their sources (`parent`), and the `fold`
        features: the blocks of the classifier's input, shape (n_rows, n_features) each
        checkpoints: the recipe's pretrained models
        pretrained_on: corpora they were trained on, according to the recipe
        parts_saw_test: whether components of the model were trained on every row
        declared: checks whose violations are accepted; random folds include all that both parts of a fold share

    Raises:
        ConfigError: if `declared` names a check that does not exist
    """
    sides = Sides(np.array(utterances["utterance_id"].to_pylist(), dtype=str), splits)
    tested = [split.test for split in splits]
    findings = [
        *_torn(sides),
        *_seen(utterances, sides, rule),
        *_texts(utterances, sides, rule),
        *_spans(utterances, sides),
        *(_sounds(sounds, sides) if sounds is not None and sounds.num_rows else ()),
        *_voices(utterances, sides, rule),
    ]
    if parts_saw_test:
        findings.append(
            sides.finding("learned in parts", "violation", tested, "have been learned by parts of the model")
        )
    accepted = accepted_checks(declared)
    if rule.leaky:
        findings.append(sides.finding(RANDOM_FOLDS, "violation", tested, "are of folds that keep nothing apart"))
        if RANDOM_FOLDS in accepted:
            accepted |= {finding.check for finding in findings}
    if parents is not None:
        findings.append(derived.check(parents, sides))
    if features:
        names = np.unique([name or "" for name in utterances["speaker"].to_pylist()]).tolist()
        speakers = [name for name in names if name]
        findings.append(speaker_statistics.check(features, codes(utterances["speaker"].to_pylist()), speakers, splits))
    if checkpoints or pretrained_on:
        corpora = sorted({corpus for corpus in utterances["corpus"].to_pylist() if corpus})
        findings.extend(contamination.check(corpora, checkpoints, pretrained_on))
    parts = tuple(FoldSize(split.name, split.train.size, split.test.size) for split in splits)
    return AuditReport(rule.name, rule.in_words(), utterances.num_rows, parts, settled(findings, accepted))


def _torn(sides: Sides) -> list[Finding]:
    """Find utterances on both sides of a fold, which only folds over windows can have."""
    both = [np.intersect1d(split.train, split.test) for split in sides.splits]
    if not any(rows.size for rows in both):
        return []
    return [sides.finding("torn utterances", "violation", both, "are in the training part too, with other windows")]


def _seen(utterances: pa.Table, sides: Sides, rule: SplitProtocol) -> list[Finding]:
    findings, values = [], {}
    for check, (column, what) in _SEEN.items():
        values[column] = numbers = codes(utterances[column].to_pylist())
        if (numbers < 0).all() or (column == "group" and _alike(numbers, values["speaker"])):
            continue
        severity: Severity = "violation" if column in rule.unit or rule.leaky else "warning"
        findings.append(sides.finding(check, severity, [fold.test for fold in sides.sharing(numbers)], what))
    recording = _recordings(utterances)
    if recording.size and len(np.unique(recording[recording >= 0])) < (recording >= 0).sum():
        severity = "violation" if rule.leaky else "warning"
        what = "come out of a recording that is in the training part too"
        findings.append(sides.pair_finding("seen recordings", severity, sides.sharing(recording), what))
    return findings


def _alike(a: Rows, b: Rows) -> bool:
    """Return whether two columns group the rows in the same way, so that checking one is enough."""
    return bool(np.unique(np.stack([a, b]), axis=1).shape[1] == np.unique(a).size == np.unique(b).size)


def _texts(utterances: pa.Table, sides: Sides, rule: SplitProtocol) -> list[Finding]:
    texts = utterances["text"].to_pylist()
    if not any(texts):
        return []
    severity: Severity = "violation" if "script" in rule.unit or rule.leaky else "warning"
    bare = codes([text.bare(words or "") for words in texts])
    what = "say, but for case and punctuation, what is in training too"
    same = sides.pair_finding("same text", severity, sides.sharing(bare), what)
    normal = codes([text.normal(words or "") for words in texts])
    distinct, first = np.unique(normal, return_index=True)
    distinct_texts = [text.normal(texts[row] or "") for row in first[distinct >= 0].tolist()]
    # connected components: similar texts, also through a third, get the same number
    joined = _components(len(distinct_texts), text.similar(distinct_texts))
    # the appended element is for rows without a text, whose number is -1
    long = (normal >= 0) & ~np.append(_short(distinct_texts), True)[normal]
    near = np.where(long, np.append(joined, -1)[normal], -1)
    what = f"of {text.MIN_WORDS} words or more say nearly what is in training too"
    return [same, sides.pair_finding("similar text", severity, sides.sharing(near), what)]


def _short(texts: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([words.count(" ") + 1 < text.MIN_WORDS for words in texts], dtype=bool)


def _components(n: int, pairs: NDArray[np.int64]) -> Rows:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _spans(utterances: pa.Table, sides: Sides) -> list[Finding]:
    recording = _recordings(utterances)
    # corpora of cut clips have the clips' times within the original recording in columns of their own
    prefix = "recording_" if "recording_start_s" in utterances.column_names else ""
    start_s, end_s = (
        np.array(utterances[f"{prefix}{name}"].to_pylist(), dtype=np.float64) for name in ("start_s", "end_s")
    )
    if np.isnan(end_s).all():
        return []
    what = "overlap in time with a training utterance of the same recording"
    crossing = sides.crossing(spans.overlapping(recording, start_s, end_s))
    length_s = np.nan_to_num(end_s - start_s)
    long = np.flatnonzero(length_s > _MAX_DURATION_S)
    longest = long[np.argsort(-length_s[long])]
    examples = tuple(f"{sides.ids[row]}: {length_s[row]:.0f} s" for row in longest[:MOST_EXAMPLES].tolist())
    overlong = f"{long.size} utterances are longer than {_MAX_DURATION_S:.0f} s; see whether their times are right"
    return [
        sides.pair_finding("overlapping spans", "violation", crossing, what),
        Finding("overlong spans", "note", long.size, utterances.num_rows, overlong, examples),
    ]


def _recordings(utterances: pa.Table) -> Rows:
    column = "recording" if "recording" in utterances.column_names else "audio"
    return codes(utterances[column].to_pylist())


def _sounds(sounds: pa.Table, sides: Sides) -> list[Finding]:
    row_of = {utterance_id: row for row, utterance_id in enumerate(sides.ids.tolist())}
    rows = np.array([row_of.get(name, -1) for name in sounds["utterance_id"].to_pylist()], dtype=np.int64)
    samples = np.full(sides.ids.size, -1, dtype=np.int64)
    samples[rows[rows >= 0]] = codes(sounds["samples_sha256"].to_pylist())[rows >= 0]
    fingerprints = sounds["fingerprint"].combine_chunks()
    # not as a list of arrays: to join them would take a copy
    words = fingerprints.flatten().to_numpy()
    sizes = fingerprints.value_lengths().fill_null(0).to_numpy().astype(np.int64)
    near = [(a, b) for a, b, _ in sound.near_runs(words, sizes) if rows[a] >= 0 and rows[b] >= 0]
    pairs = rows[np.array(near, dtype=np.int64).reshape(-1, 2)]
    return [
        sides.pair_finding("same sound", "violation", sides.sharing(samples), "have samples that are in training too"),
        sides.pair_finding("similar sound", "violation", sides.crossing(pairs), "sound as a training utterance does"),
    ]


def _voices(utterances: pa.Table, sides: Sides, rule: SplitProtocol) -> list[Finding]:
    codes_of = utterances["voice"].to_pylist() if "voice" in utterances.column_names else []
    if not any(codes_of):
        return []
    severity: Severity = "violation" if "speaker" in rule.unit or rule.leaky else "warning"
    what = "are by a voice that sounds like one of the training part"
    return [sides.pair_finding("same voice", severity, voices.crossing(codes_of, sides), what)]
