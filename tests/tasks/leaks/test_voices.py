"""The same voice in training and test part."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tasks import leaks
from tasks.core import tables
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Split
from tasks.leaks.finding import Finding
from tasks.media.voices import voice_codes

N_PERSONS, PER_VOICE = 40, 3


def audited(planted: list[int], protocol: str = "official", **more: object) -> Finding | None:
    """Audit voices of different persons, of whom some are on both sides under another name, in other recordings."""
    rng = np.random.default_rng(5)
    persons = rng.normal(size=(N_PERSONS, 256))
    sides = [("train", n) for n in range(30)] + [("test", n) for n in (*planted, *range(30, N_PERSONS))]
    rows, codes = [], []
    for number, (split, person) in enumerate(sides):
        code = voice_codes.encode(persons[person] + 0.2 * rng.normal(size=256))
        for turn in range(PER_VOICE):
            rows.append(
                {"utterance_id": f"x/{number}-{turn}", "corpus": "x", "group": f"x/{number}", "split": split,
                 "speaker": f"x/{number}#1"}
            )  # fmt: skip
            codes.append(code if turn < 2 else None)
    table = tables.from_rows(rows, tables.UTTERANCES).append_column("voice", pa.array(codes, pa.string()))
    train = np.array([row["split"] == "train" for row in rows])
    split = Split("official", np.flatnonzero(train), np.flatnonzero(~train))
    report = leaks.audit(table, [split], protocols.parse(protocol), **more)
    return next((item for item in report.findings if item.check == "same voice"), None)


def test_planted_voices_are_found_and_no_others() -> None:
    finding = audited([3, 7, 11])
    assert finding is not None
    assert (finding.n, finding.of, finding.severity) == (6, 39, "warning")
    assert finding.pairs[0] == ("x/30-0", "x/3-0")
    assert finding.pairs[2] == ("x/31-0", "x/7-0")


def test_clean_voices() -> None:
    finding = audited([])
    assert finding is not None
    assert finding.n == 0


@pytest.mark.parametrize(("declared", "severity"), [([], "violation"), (["same-voice"], "declared")])
def test_protocols_that_keep_speakers_apart(declared: list[str], severity: str) -> None:
    finding = audited([3], "speaker-out(2)", declared=declared)
    assert finding is not None
    assert (finding.n, finding.severity) == (2, severity)


def test_without_voices_there_is_no_such_check() -> None:
    rows = [{"utterance_id": f"x/{k}", "corpus": "x", "group": f"x/{k}", "speaker": f"x/{k}"} for k in range(4)]
    split = Split("official", np.arange(2), np.arange(2, 4))
    report = leaks.audit(tables.from_rows(rows, tables.UTTERANCES), [split], protocols.parse("official"))
    assert "same voice" not in {item.check for item in report.findings}
