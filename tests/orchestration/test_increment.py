"""Two more interviews cost two interviews; a changed threshold costs votes, and no crawl, no cut, no features."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.core.config import Config
from tasks.simulate.sample import sample
from tests.night import machinery
from tests.night.machinery import FLOW, REPRO, Interviews, tallies

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
PER_VIDEO = ("captions", "polarity", "segments", "acoustic")
UNTOUCHED = ("crawl", "captions", "segments", "acoustic")


def worked(folder: Path, command: tuple[str, ...], server: dict[str, str]) -> dict[str, int]:
    """Run a project; return how many items each stage that ran worked on."""
    for tally in (folder / ".undertone/tally").glob("*.json"):
        tally.unlink()
    machinery.run(command, folder, **server)
    return tallies(folder)


def remembered(folder: Path) -> dict[str, set[str]]:
    return {stage: {path.name for path in (folder / ".undertone/memo" / stage).rglob("*.arrow")} for stage in UNTOUCHED}


def test_an_addition_costs_what_is_added(tmp_path: Path, interviews: Interviews, server: dict[str, str]) -> None:
    folder = machinery.project(tmp_path / "project", interviews, without=["4"], **machinery.LIGHT)
    worked(folder, REPRO, server)
    machinery.listed(folder, interviews)
    more = worked(folder, FLOW, server)
    assert {stage: more[stage] for stage in PER_VIDEO} == dict.fromkeys(PER_VIDEO, 1)
    # looked up and fetched; the one that is busy for now is asked again
    assert more["crawl"] <= 3


@pytest.mark.long
def test_a_threshold_touches_votes_and_what_follows(
    tmp_path: Path, interviews: Interviews, server: dict[str, str]
) -> None:
    folder = machinery.project(tmp_path / "project", interviews, **machinery.LIGHT)
    worked(folder, REPRO, server)
    before = remembered(folder)
    params = folder / "params.yaml"
    params.write_text(re.sub(r"min_score: \S+", "min_score: 0.1", params.read_text()))
    found = worked(folder, FLOW, server)
    assert {"polarity", "report"} <= set(found) <= {"polarity", "train", "evaluate", "labels", "report"}
    assert found["polarity"] == 0, "the votes themselves are as they were"
    assert remembered(folder) == before


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_two_more_than_two_hundred(tmp_path: Path, settings: Config, server: dict[str, str]) -> None:
    pages = sample(settings.simulate.model_copy(update={"train": 162, "test": 40}), tmp_path / "site")
    with machinery.served(pages) as interviews:
        folder = machinery.project(tmp_path / "project", interviews, without=["10", "20"], **machinery.LIGHT)
        full = worked(folder, REPRO, server)
        fetched = len(interviews.transfers)
        machinery.listed(folder, interviews)
        more = worked(folder, REPRO, server)
        again = len(interviews.transfers) - fetched
    ratio = sum(more.values()) / sum(full.values())
    print(f"\n200 interviews: {sum(full.values())} items {full}\n  2 more: {sum(more.values())} items {more}")
    print(f"  {ratio:.1%} of the full run's item work; {again} media fetched")
    assert {stage: more[stage] for stage in PER_VIDEO} == dict.fromkeys(PER_VIDEO, 2)
    assert ratio <= 0.05
    # the one of two gigabytes is turned down again by what its server says of it
    assert again <= 3
