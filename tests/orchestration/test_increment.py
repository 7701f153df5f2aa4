"""Incremental runs: only new interviews are processed; a changed threshold repeats only the combination of votes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.core.config import Config
from tasks.simulate.sample import sample
from tests.orchestration import harness
from tests.orchestration.harness import FLOW, REPRO, Interviews, tallies

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
FEATURES = "extract@interviews-mid-term"
PER_VIDEO = ("captions", "polarity", "segments")
UNTOUCHED = ("crawl", "captions", "segments", FEATURES)


def computed_items(folder: Path, command: tuple[str, ...], server: dict[str, str]) -> dict[str, int]:
    """Run a project; return the number of items that each stage computed, for the stages that ran."""
    for tally in (folder / ".undertone/tally").glob("*.json"):
        tally.unlink()
    harness.run(command, folder, **server)
    return tallies(folder)


def cached_keys(folder: Path) -> dict[str, set[str]]:
    return {stage: {path.name for path in (folder / ".undertone/memo" / stage).rglob("*.arrow")} for stage in UNTOUCHED}


def test_only_the_added_interview_is_processed(tmp_path: Path, interviews: Interviews, server: dict[str, str]) -> None:
    folder = harness.project(tmp_path / "project", interviews, without=["4"], **harness.LIGHT)
    computed_items(folder, REPRO, server)
    harness.write_lists(folder, interviews)
    more = computed_items(folder, FLOW, server)
    assert {stage: more[stage] for stage in PER_VIDEO} == dict.fromkeys(PER_VIDEO, 1)
    assert more[FEATURES] == 0, "computed while the sound was cut"
    # the new interview is looked up and fetched; the one that failed temporarily is retried
    assert more["crawl"] <= 3


@pytest.mark.long
def test_a_changed_threshold_keeps_cached_votes_and_features(
    tmp_path: Path, interviews: Interviews, server: dict[str, str]
) -> None:
    folder = harness.project(tmp_path / "project", interviews, **harness.LIGHT)
    computed_items(folder, REPRO, server)
    before = cached_keys(folder)
    params = folder / "params.yaml"
    params.write_text(re.sub(r"min_score: \S+", "min_score: 0.1", params.read_text()))
    items = computed_items(folder, FLOW, server)
    of_labels = {"interviews", "corpus@interviews", "experiment@interviews-source", "page@interviews-source"}
    assert {"polarity", "report"} <= set(items) <= {"polarity", "labels", "report", "leaderboard", *of_labels}
    assert items["polarity"] == 0, "the votes are cached"
    assert cached_keys(folder) == before


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_two_interviews_added_to_two_hundred(tmp_path: Path, settings: Config, server: dict[str, str]) -> None:
    pages = sample(settings.simulate.model_copy(update={"train": 162, "test": 40}), tmp_path / "site")
    with harness.served(pages) as interviews:
        folder = harness.project(tmp_path / "project", interviews, without=["10", "20"], **harness.LIGHT)
        full = computed_items(folder, REPRO, server)
        fetched = len(interviews.transfers)
        harness.write_lists(folder, interviews)
        more = computed_items(folder, REPRO, server)
        again = len(interviews.transfers) - fetched
    ratio = sum(more.values()) / sum(full.values())
    print(f"\n200 interviews: {sum(full.values())} items {full}\n  2 more: {sum(more.values())} items {more}")
    print(f"  {ratio:.1%} of the full run's item work; {again} media fetched")
    assert {stage: more[stage] for stage in PER_VIDEO} == dict.fromkeys(PER_VIDEO, 2)
    assert ratio <= 0.05
    # the video of two gigabytes is rejected again, by its Content-Length
    assert again <= 3
