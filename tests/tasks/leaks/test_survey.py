"""The audit: planted leaks of every kind, clean splits, real corpora."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_selection import SelectKBest
from sklearn.preprocessing import StandardScaler

from tasks import leaks
from tasks.core import tables
from tasks.core.errors import ConfigError, LeakError
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Split
from tasks.leaks import fitted, speaker_statistics
from tasks.leaks.finding import STAGE_PAIRS, AuditReport, Finding
from tasks.leaks.sides import Sides

WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "ru", "te", "sho", "ple") for b in ("ndo", "rra", "spe", "vil", "xto")]
CLEAN = "speaker-out(4)"


def table(n: int = 240, seed: int = 1) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """A corpus in which speakers share nothing: rows and their sounds."""
    rng = np.random.default_rng(seed)
    rows, sounds = [], []
    for i in range(n):
        speaker = i % 12
        utterance_id = f"x/{speaker:02d}-{i:05d}"
        rows.append(
            {
                "utterance_id": utterance_id, "corpus": "x",
                "speaker": f"x/{speaker}", "group": f"x/dialogue{speaker}-{i % 5}",
                "script": f"x/line{speaker}-{i}", "audio": f"{speaker}/{i}.wav", "start_s": 0.0, "end_s": 3.0,
                "text": " ".join(rng.choice(WORDS, 9)) + f" {i}", "emotion": ("anger", "neutral", "sadness")[i % 3],
            }
        )  # fmt: skip
        sounds.append(sound_row(utterance_id, rng.integers(1, 2**32, 120, dtype=np.uint32)))
    return rows, sounds


def sound_row(utterance_id: str, words: np.ndarray) -> dict[str, object]:
    return {"utterance_id": utterance_id, "samples_sha256": f"{hash(words.tobytes()):x}", "fingerprint": words.tolist()}


def utterances(rows: Sequence[dict[str, object]]) -> pa.Table:
    extra = [("recording", pa.string()), ("recording_start_s", pa.float64()), ("recording_end_s", pa.float64())]
    own = extra if "recording" in rows[0] else []
    return tables.from_rows(rows, tables.utterances(pa.schema(own)))


def splits(table: pa.Table, text: str = CLEAN) -> tuple[Split, ...]:
    columns = protocols.columns_of({name: table[name].to_pylist() for name in table.column_names})
    return protocols.parse(text).folds(columns, np.array(table["emotion"].to_pylist()), 7)


def survey(
    rows: Sequence[dict[str, object]], sounds: Sequence[dict[str, object]] = (), text: str = CLEAN, **more: object
) -> AuditReport:
    table = utterances(rows)
    listened = tables.from_rows(sounds, tables.SOUNDS) if sounds else None
    return leaks.audit(table, splits(table, text), protocols.parse(text), sounds=listened, **more)


def of(report: AuditReport, check: str) -> Finding:
    return next(finding for finding in report.findings if finding.check == check)


@pytest.mark.parametrize("seed", range(20))
def test_clean_splits_are_called_clean(seed: int) -> None:
    rows, sounds = table(seed=seed)
    report = survey(rows, sounds)
    assert [finding for finding in report.findings if finding.n] == []
    assert {finding.check for finding in report.findings} >= {
        "seen speakers",
        "same text",
        "similar text",
        "similar sound",
    }
    assert report.passed
    leaks.demand(report)
    assert AuditReport.from_dict(report.to_dict()) == report


def test_speakers_on_both_sides() -> None:
    rows, _ = table()
    report = survey(rows, text="group-k-fold(4)")
    assert of(report, "seen speakers").n == 240
    assert of(report, "seen speakers").severity == "warning"
    assert of(report, "seen groups").n == 0
    assert report.passed


def test_shared_units_of_the_protocol_are_a_violation() -> None:
    rows, _ = table()
    data = utterances(rows)
    broken = tuple(replace(split, train=np.sort(np.append(split.train, split.test[:1]))) for split in splits(data))
    moved = tuple(replace(split, test=split.test[1:]) for split in broken)
    report = leaks.audit(data, moved, protocols.parse(CLEAN))
    assert of(report, "seen speakers").severity == "violation"
    with pytest.raises(LeakError, match=r"(?s)\(4\) stops the run:\n  seen speakers.*declare the leak: seen-speakers"):
        leaks.demand(report)
    accepted = leaks.audit(data, moved, protocols.parse(CLEAN), declared=["seen-speakers"])
    assert of(accepted, "seen speakers").severity == "declared"
    leaks.demand(accepted)


def test_shared_groups_scripts_and_recordings() -> None:
    rows, _ = table()
    for row in rows:
        row["group"] = "x/one show"
        row["script"] = f"x/line{int(str(row['utterance_id'])[-5:]) // 12}"
        row["audio"] = "show.wav"
        row["start_s"] = 10.0 * int(str(row["utterance_id"])[-5:])
        row["end_s"] = float(row["start_s"]) + 3
    report = survey(rows)
    for check in ("seen groups", "seen scripts", "seen recordings"):
        assert of(report, check).n == 240, check
        assert of(report, check).severity == "warning"
    assert of(report, "overlapping spans").n == 0
    random = survey(rows, text="random(4)")
    assert (of(random, "random folds").n, of(random, "random folds").severity) == (240, "violation")
    assert of(random, "seen scripts").severity == "violation"
    with pytest.raises(LeakError, match=r"declare the leak: random-folds$"):
        leaks.demand(random)
    declared = survey(rows, text="random(4)", declared=["random-folds"])
    assert declared.passed
    assert {finding.severity for finding in declared.findings if finding.n} == {"declared"}
    only_scripts = survey(rows, text="random(4)", declared=["seen-scripts"])
    assert not only_scripts.passed


def test_texts_word_for_word_and_nearly() -> None:
    rows, _ = table()
    rows[1]["text"] = rows[0]["text"]
    rows[3]["text"] = str(rows[2]["text"]).upper().replace(" ", ", ") + "!"
    first = splits(utterances(rows))[0]
    tested, learned = rows[int(first.test[-1])], rows[int(first.train[-1])]
    tested["text"] = "and " + str(learned["text"])
    rows[7]["text"] = rows[6]["text"] = "oh no"
    report = survey(rows)
    assert of(report, "same text").n >= 2
    similar = of(report, "similar text")
    assert {frozenset(str(rows[i]["utterance_id"]) for i in pair) for pair in ((0, 1), (2, 3))} < set(
        map(frozenset, similar.pairs)
    )
    assert f"{rows[0]['utterance_id']} and {rows[1]['utterance_id']}" in similar.examples
    assert of(report, "similar text").n == 6
    assert survey(rows, text="script-out(4)").passed is False


def test_overlapping_and_overlong_spans() -> None:
    rows, _ = table()
    for number, row in enumerate(rows):
        row |= {"recording": f"s01e{number:04d}", "recording_start_s": 5.0, "recording_end_s": 8.0}
    rows[1] |= {"recording": rows[0]["recording"], "recording_start_s": 7.0, "recording_end_s": 9.0}
    rows[3] |= {"recording": rows[2]["recording"], "recording_start_s": 7.95, "recording_end_s": 9.0}
    rows[4] |= {"recording_start_s": 100.0, "recording_end_s": 405.0}
    report = survey(rows)
    assert of(report, "overlapping spans").pairs == ((rows[0]["utterance_id"], rows[1]["utterance_id"]),)
    assert of(report, "overlapping spans").severity == "violation"
    assert of(report, "overlong spans").examples == (f"{rows[4]['utterance_id']}: 305 s",)


def test_the_same_sound_and_nearly_the_same() -> None:
    rows, sounds = table()
    rng = np.random.default_rng(3)
    sounds[1] = {**sounds[0], "utterance_id": sounds[1]["utterance_id"]}
    words = np.array(sounds[2]["fingerprint"], dtype=np.uint32)
    noise = (rng.random((words.size, 32)) < 0.08) @ (1 << np.arange(32, dtype=np.uint64))
    sounds[3] = sound_row(str(sounds[3]["utterance_id"]), (words ^ noise.astype(np.uint32))[9:])
    report = survey(rows, sounds)
    assert of(report, "same sound").examples == ("x/00-00000 and x/01-00001",)
    assert of(report, "same sound").n == 2
    assert of(report, "similar sound").examples == ("x/00-00000 and x/01-00001", "x/02-00002 and x/03-00003")
    assert not report.passed
    with pytest.raises(LeakError, match=r"same sound: .*\(x/00-00000 and x/01-00001\)"):
        leaks.demand(report)
    assert AuditReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_each_test_row_is_named_with_the_first_training_row_that_it_matches() -> None:
    folds = (Split("a", np.array([0, 1, 2]), np.array([4, 5]), np.array([], dtype=np.int64)),)
    sides = Sides(np.array(list("uvwxyz")), folds)
    shared = sides.pair_finding("same sound", "violation", sides.sharing(np.array([7, 3, 3, 3, 3, -1])), "…")
    assert (shared.n, shared.pairs) == (1, (("y", "v"),))
    crossing = sides.crossing(np.array([[1, 4], [0, 4], [2, 5], [3, 5], [4, 5]]))
    assert sides.pair_finding("similar sound", "violation", crossing, "…").pairs == (("y", "u"), ("z", "w"))
    assert sides.pair_finding("similar sound", "violation", [], "…").pairs == ()


def test_files_of_stages_list_some_pairs_and_count_all() -> None:
    n = STAGE_PAIRS + 50
    rows, none = np.arange(n), np.array([], dtype=np.int64)
    sides = Sides(np.array([f"x/{row:04d}" for row in range(2 * n)]), (Split("a", rows, rows + n, none),))
    finding = sides.pair_finding("same text", "warning", sides.sharing(np.tile(rows, 2)), "…")
    report = AuditReport("official", "…", 2 * n, (), (finding,))
    (whole,), (short,) = report.to_dict()["findings"], report.to_dict(STAGE_PAIRS)["findings"]
    assert (whole["n"], len(whole["pairs"])) == (n, n)
    assert short == {**whole, "pairs": whole["pairs"][:STAGE_PAIRS]}
    assert report.to_dict(STAGE_PAIRS)["passed"]


def test_derived_rows_with_a_parent_on_the_other_side() -> None:
    rows, _ = table()
    data = utterances(rows)
    folds = splits(data)
    tested, learned = (str(rows[int(side[0])]["utterance_id"]) for side in (folds[0].test, folds[0].train))
    fold = folds[0].name

    def audited(*pairs: tuple[str, str, str | None]) -> Finding:
        schema = pa.schema([("child", pa.string()), ("parent", pa.string()), ("fold", pa.string())])
        parents = pa.Table.from_pylist([dict(zip(schema.names, pair, strict=True)) for pair in pairs], schema=schema)
        return of(leaks.audit(data, folds, protocols.parse(CLEAN), parents=parents), "derived rows")

    assert audited(("smote 1", tested, fold), ("smote 1", learned, fold)).examples == (f"smote 1 (from {tested})",)
    assert audited(("smote 1", learned, fold)).n == 0
    assert audited((learned, tested, None)).n >= 1
    assert audited((tested, tested, None)).n >= 1


def test_steps_fitted_on_more_than_training() -> None:
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(90, 12)) + np.arange(90)[:, None] / 30, np.array(["a", "b", "c"] * 30)
    train = (features[:60], labels[:60])
    scale = StandardScaler().fit(features)
    finding = fitted.check([("scale", scale)], train, (features, labels))
    assert finding.severity == "violation"
    assert finding.n == 1
    assert "scale (mean_" in finding.examples[0]
    assert finding.examples[0].endswith("as fitted on all rows)")
    honest = StandardScaler().fit(train[0])
    scaled = honest.transform(features)
    select = SelectKBest(k=3).fit(scaled, labels)
    finding = fitted.check([("scale", honest), ("select", select)], train, (features, labels))
    assert [example.split()[0] for example in finding.examples] == ["select"]
    clean = SelectKBest(k=3).fit(scaled[:60], labels[:60])
    assert fitted.check([("scale", honest), ("select", clean)], train, (features, labels)).n == 0


def test_a_balancer_that_saw_more_than_training() -> None:
    from imblearn.over_sampling import SMOTE

    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(90, 4)), np.array(["a"] * 50 + ["b"] * 40)
    rows = rng.permutation(90)[:60]
    train = (features[rows], labels[rows])
    everywhere, inside = SMOTE(random_state=1), SMOTE(random_state=1)
    everywhere.fit_resample(features, labels)
    inside.fit_resample(*train)
    assert fitted.check([("balance", everywhere)], train, (features, labels)).n == 1
    assert fitted.check([("balance", inside)], train, (features, labels)).n == 0


def test_test_speakers_own_statistics() -> None:
    rows, _ = table()
    data = utterances(rows)
    rng = np.random.default_rng(1)
    speaker = np.array([int(str(row["speaker"])[2:]) for row in rows])
    features = rng.normal(size=(240, 5)) + speaker[:, None]
    own = features.copy()
    for number in range(12):
        own[speaker == number] -= features[speaker == number].mean(axis=0)
    for values, n in ((features, 0), (StandardScaler().fit_transform(features), 0), (own, 12)):
        report = leaks.audit(data, splits(data), protocols.parse(CLEAN), features=[values])
        assert of(report, speaker_statistics.CHECK).n == n
    assert not report.passed
    declared = leaks.audit(data, splits(data), protocols.parse(CLEAN), features=[own], declared=["speaker-statistics"])
    assert declared.passed


def test_pretraining() -> None:
    rows, _ = table()
    assert of(survey(rows, pretrained_on=["x"]), "pretraining").severity == "violation"
    assert of(survey(rows, pretrained_on=["x"], declared=["pretraining"]), "pretraining").severity == "declared"


def test_unknown_pretraining_does_not_stop_a_run_and_is_not_clear() -> None:
    rows, _ = table()
    report = survey(rows, checkpoints=["me/model"])
    assert of(report, "unknown pretraining").severity == "unknown"
    assert "pretraining" not in [finding.check for finding in report.findings]
    assert "pretraining" in [finding.check for finding in survey(rows, checkpoints=["wav2vec2-base"]).findings]


def test_declaring_an_unknown_check_is_an_error() -> None:
    rows, _ = table()
    with pytest.raises(ConfigError, match="no such check; there are random folds, seen speakers"):
        survey(rows, declared=["speakers"])


@pytest.mark.bench
def test_fifty_thousand_utterances_in_a_minute() -> None:
    took: dict[int, float] = {}
    for n in (5_000, 50_000):
        table, sounds = big(n)
        folds = splits(table)
        began = time.monotonic()
        result = leaks.audit(table, folds, protocols.parse(CLEAN), sounds=sounds)
        took[n] = time.monotonic() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        near = of(result, "similar sound")
        print(f"\n{n} utterances: {took[n]:.1f} s, {peak / 1e6:.0f} MB in all; {near.n} of {n // 100} copies found")
        assert near.n >= 0.98 * n // 100
        assert peak < 2e9
    print(f"ten times the rows: {took[50_000] / took[5_000]:.1f} times as long")
    assert took[50_000] < 60
    # 100 times as long, if all pairs were compared
    assert took[50_000] <= 40 * took[5_000]


def big(n: int) -> tuple[pa.Table, pa.Table]:
    """Utterances of 4 s; every hundredth is a copy (8 % of the bits changed) of an utterance of another speaker."""
    rng = np.random.default_rng(n)
    rows, _ = table(n)
    words = rng.integers(1, 2**32, (n, 174), dtype=np.uint32)
    for start in range(0, n, 200):
        noise = (rng.random((174, 32)) < 0.08) @ (1 << np.arange(32, dtype=np.uint64))
        words[start + 1] = words[start] ^ noise.astype(np.uint32)
    offsets = pa.array(np.arange(0, words.size + 1, 174, dtype=np.int32))
    columns = {name: pa.nulls(n, tables.SOUNDS.field(name).type) for name in tables.SOUNDS.names}
    columns["utterance_id"] = pa.array([row["utterance_id"] for row in rows])
    columns["samples_sha256"] = pa.array([f"{i:x}" for i in range(n)])
    columns["fingerprint"] = pa.ListArray.from_arrays(offsets, pa.array(words.ravel()))
    return utterances(rows), pa.table(columns, schema=tables.SOUNDS)
