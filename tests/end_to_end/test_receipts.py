"""A receipt is verified in a second clone; a changed parameter, byte or score is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tasks.core import artifacts, paths
from tests.end_to_end.recordings import command, commit, quick_settings, recording, tool

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def receipt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A receipt beside the project that it is about, whose results are in a remote."""
    folder = tmp_path_factory.mktemp("receipts")
    (folder / "recordings").mkdir()
    for number in range(6):
        recording(folder / "recordings", f"talk {number}", number)
    command(folder, "new", "project", "--media", str(folder / "recordings"))
    project = folder / "project"
    quick_settings(project)
    tool(project, sys.executable, "-m", "dvc", "remote", "add", "-d", "store", str(folder / "remote"))
    command(project, "run")
    tool(project, sys.executable, "-m", "dvc", "push", "-q")
    commit(project, "results")
    command(project, "receipt", "-o", str(folder / "receipt.jsonld"))
    return folder / "receipt.jsonld"


def clone(receipt: Path, target: Path) -> Path:
    tool(target.parent, "git", "clone", "-q", str(receipt.parent / "project"), str(target))
    return target


def test_is_reproduced_in_a_second_clone(receipt: Path, tmp_path: Path) -> None:
    second = clone(receipt, tmp_path / "clone")
    shown = command(second, "verify", str(receipt))
    assert "Verified: every score and every digest is the same" in shown
    assert "crawl: fetched from the remote store" in shown
    assert "0 cached" in shown
    # the second time everything is here: computed again all the same
    assert "Verified" in command(second, "verify", "--stored", str(receipt))


def test_names_a_changed_parameter(receipt: Path, tmp_path: Path) -> None:
    second = clone(receipt, tmp_path / "clone")
    params = second / "params.yaml"
    params.write_text(params.read_text().replace("seeds: [7]", "seeds: [8]"))
    shown = command(second, "verify", str(receipt), check=False)
    assert "First difference: parameter" in shown
    assert "experiments.interviews-source.seeds: [7] in the receipt, [8] here" in shown


def test_names_a_changed_byte_and_a_changed_score(receipt: Path, tmp_path: Path) -> None:
    second = clone(receipt, tmp_path / "clone")
    tool(second, sys.executable, "-m", "dvc", "pull", "-q")
    results = second / paths.experiment("interviews-source") / "results.json"
    content = artifacts.read_json(results)
    value = content["scores"]["uar"]["value"]
    content["scores"]["uar"]["value"] = value / 2
    results.unlink()
    results.write_text(json.dumps(content, indent=2))
    shown = command(second, "verify", "--stored", str(receipt), check=False)
    assert (
        "First difference: output experiment@interviews-source: data/experiment/interviews-source/results.json" in shown
    )
    assert "uar of the recipe" in shown
    media = next((second / paths.MEDIA).glob("*.flac"))
    changed = bytearray(media.read_bytes())
    changed[len(changed) // 2] ^= 1
    media.unlink()
    media.write_bytes(changed)
    shown = command(second, "verify", "--stored", str(receipt), check=False)
    assert "First difference: output crawl: data/crawl/media" in shown


def test_a_receipt_of_outdated_results_is_refused(receipt: Path, tmp_path: Path) -> None:
    second = clone(receipt, tmp_path / "clone")
    tool(second, sys.executable, "-m", "dvc", "pull", "-q")
    params = second / "params.yaml"
    params.write_text(params.read_text().replace("min_score: 0.25", "min_score: 0.3"))
    shown = command(second, "receipt", check=False)
    assert "polarity is outdated" in shown
