"""A thousand malformed inputs, the first of those that `make fuzz` reads; and the fuzzing itself."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz import runs
from tests.fuzz.kinds import misbehaving
from tests.fuzz.mutation import mutated
from tests.fuzz.trial import SilentDifferenceError, Trial, Verdict

COUNT = 1000


@pytest.mark.parametrize("name", runs.KINDS)
def test_no_malformed_input_ends_in_a_traceback_a_hang_or_a_wrong_result(name: str) -> None:
    total = runs.Counts()
    todo = [block for block in runs.blocks(COUNT, runs.KINDS) if block.kind == name]
    runs.run(todo, 1, 1, lambda _, counts: total.add(counts))
    assert total.inputs == todo[-1].stop
    assert total.accepted
    assert total.rejected
    assert not total.failures, "\n".join(f"{f.kind}:{f.index}: {f.what}: {f.detail[-600:]}" for f in total.failures[:5])


def _trial(run: object) -> Trial:
    return Trial(b"", ".txt", run)  # type: ignore[arg-type]


def test_an_exception_and_a_wrong_result_are_failures() -> None:
    def crash() -> Verdict:
        raise KeyError("x")

    def differ() -> Verdict:
        raise SilentDifferenceError("a word is lost")

    assert runs.attempt(_trial(crash), "lists", 3).failures[0].what == "traceback"
    assert runs.attempt(_trial(differ), "lists", 3).failures[0].what == "silent difference"
    assert runs.attempt(_trial(lambda: "accepted"), "lists", 3).accepted == 1


def test_an_input_that_ends_or_hangs_the_process_costs_one_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "DEADLINE_S", 0.5)
    fates = [misbehaving.fate(runs.generator(1, "misbehaving", index)) for index in range(12)]
    assert {"end", "hang", "accepted"} == set(fates)
    total = runs.Counts()
    runs.run([runs.Block("misbehaving", 0, 12)], 1, 1, lambda _, counts: total.add(counts))
    assert total.accepted == fates.count("accepted")
    whats = {failure.index: failure.what for failure in total.failures}
    assert whats == {k: {"end": "crash", "hang": "hang"}[fate] for k, fate in enumerate(fates) if fate != "accepted"}


def test_a_seed_a_kind_and_an_index_make_the_same_input_again(tmp_path: Path) -> None:
    make = runs.kind("lists").prepare(tmp_path)
    first, again, other = (runs.trial(make, 1, "lists", index).content for index in (7, 7, 8))
    assert first == again != other


def test_results_of_complete_blocks_are_kept_until_the_code_changes(tmp_path: Path) -> None:
    path, block = tmp_path / "seed-1.json", runs.Block("lists", 0, 250)
    runs.Record.read(path, 1, "code").keep(block, runs.Counts(accepted=250, slowest_s=0.5))
    assert runs.Record.read(path, 1, "code").total("lists").accepted == 250
    assert not runs.Record.read(path, 1, "other code").blocks
    assert not runs.Record.read(path, 2, "code").blocks


def test_mutations_change_the_content_and_stay_small() -> None:
    content = bytes(range(256)) * 4
    copies = {mutated(content, random.Random(n), (b"token",)) for n in range(200)}
    assert len(copies) > 190
    assert max(map(len, copies)) < 20 * len(content)
