"""What a person sees of the pipeline in the Prefect pages, in a real browser against a real server."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.project import workspace
from flows.project.dag import Dag
from flows.ui import report_site, server
from flows.ui.server import PrefectServer
from tasks.core.config import Config
from tasks.simulate import site
from tasks.simulate.sample import sample
from tests.prefect_api import Api

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1400,1600",
    "--virtual-time-budget=15000",
)
TRAINED = "experiment@interviews-source"
STAGES = (
    "crawl", "transcribe", "captions", "polarity", "segments", "audit", "interviews", "corpus@interviews",
    "extract@interviews-mid-term", TRAINED, "labels", "report",
)  # fmt: skip

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]


@dataclass(frozen=True)
class Pages:
    """A server with a run that finished and a run that failed, and a browser to look at it."""

    server: PrefectServer
    client: Api
    folder: Path
    pictures: Path
    finished: dict[str, Any]
    failed: dict[str, Any]
    broken: str

    def api(self, path: str, body: object | None = None) -> Any:
        return self.client.ask(path, body)

    def see(self, path: str, name: str, *wanted: str) -> str:
        """Open a page until everything wanted stands on it, take its picture, and return its text."""
        until = time.monotonic() + 90
        while True:
            text = self._text(path)
            missing = [words for words in wanted if words not in text]
            if not missing or time.monotonic() > until:
                break
        self._browse(path, f"--screenshot={self.pictures / name}.png")
        assert not missing, f"{path} lacks {missing}; it says: {text[:3000]}"
        return text

    def log_in(self) -> None:
        """Open the printed link in the browser, whose profile keeps what it stores."""
        self._browse(self.server.link.removeprefix(self.server.url), "--dump-dom")

    def _text(self, path: str) -> str:
        page = re.sub(r"<(script|style|svg)\b.*?</\1>", "", self._browse(path, "--dump-dom"), flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())

    def _browse(self, path: str, do: str) -> str:
        profile = self.folder.parent / "profile"
        command = [str(CHROMIUM), *QUIET, f"--user-data-dir={profile}", do, f"{self.server.url}{path}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout


def run(api: Api, deployment: str, **parameters: object) -> dict[str, Any]:
    """Start a run of a deployment, as the page's button does, and wait for its end."""
    started = api.start(deployment, **parameters)
    until = time.monotonic() + 300
    while time.monotonic() < until:
        flow_run = api.ask(f"/flow_runs/{started}")
        if flow_run["state"]["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return dict(flow_run)
        time.sleep(0.5)
    raise AssertionError(f"the run did not end: {flow_run['state']}")


def free_port() -> int:
    """Return a port that is free, and the next one too."""
    import socket

    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, settings: Config) -> Iterator[Pages]:
    root = tmp_path_factory.mktemp("ui")
    folder = root / "project"
    workspace.create(folder)
    shown = sample(settings.simulate.model_copy(update={"train": 4, "test": 2}), root / "site")
    pictures = Path(os.environ.get("UNDERTONE_SCREENSHOTS", root / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)
    with site.serve(shown) as interviews, pytest.MonkeyPatch.context() as patch:
        site.write_lists(shown, interviews, folder / "data/train.csv", folder / "data/test.csv")
        params = folder / "params.yaml"
        text = params.read_text().replace("127.0.0.1:8417", interviews.removeprefix("http://"))
        params.write_text(text.replace("attempts: 4", "attempts: 2"))
        patch.chdir(folder)
        with server.running(free_port()) as prefect:
            client = Api(prefect)
            finished = run(client, "weak-supervision/nightly")
            # a disk that lost files, and a memo that was cleaned: no reason to reject an item, so the run fails
            broken = sorted(Path("data/crawl/media").glob("*.flac"))[0]
            broken.unlink()
            shutil.rmtree(".undertone/memo/segments")
            shutil.rmtree("data/segments/shards")
            failed = run(client, "weak-supervision/nightly", only=["segments"])
            shown_pages = Pages(prefect, client, folder, pictures, finished, failed, broken.stem)
            shown_pages.log_in()
            yield shown_pages


def test_the_deployments_are_listed_with_their_schedules(pages: Pages) -> None:
    pages.see("/deployments", "deployments", "nightly", "weekly-benchmark", "At 03:00 AM every day", "only on Sunday")


def test_the_schedule_makes_runs(pages: Pages) -> None:
    planned = {"flow_runs": {"state": {"name": {"any_": ["Scheduled"]}}}, "sort": "EXPECTED_START_TIME_ASC"}
    times = [one["expected_start_time"] for one in pages.api("/flow_runs/filter", planned)]
    assert any("T03:00:00" in one for one in times), "no night is planned"
    assert any("T05:00:00" in one for one in times), "no benchmark is planned"


def test_a_finished_run_shows_its_stages(pages: Pages) -> None:
    assert pages.finished["state"]["name"] == "Completed", pages.finished["state"]
    message = pages.finished["state"]["message"]
    assert re.match(r"\+\d+ videos, \d+ rejected; new: UAR 0\.\d{3}; \d+ stages run, 0 current$", message), message
    path = f"/runs/flow-run/{pages.finished['id']}"
    pages.see(path, "run", "Completed", "Task runs", "nightly", "weak-supervision", "crawl 1: ")
    # the graph is painted, not written: this is what it is painted from
    nodes = dict(pages.api(f"/flow_runs/{pages.finished['id']}/graph-v2")["nodes"])
    labels = {key: node["label"] for key, node in nodes.items()}
    assert set(STAGES) <= set(labels.values())
    drawn = {(labels[child["id"]], node["label"]) for node in nodes.values() for child in node["parents"]}
    order = {(before, stage) for stage in STAGES for before in Dag().upstream(stage)}
    assert order <= drawn
    (trained,) = [key for key, label in labels.items() if label == TRAINED]
    pages.see(f"/runs/task-run/{nodes[trained]['id']}", "stage", TRAINED, "Completed", "recorded in dvc.lock")


def test_the_funnel_is_on_its_page(pages: Pages) -> None:
    key = {"artifacts": {"key": {"any_": ["funnel"]}}}
    (funnel,) = pages.api("/artifacts/latest/filter", key)
    pages.see(f"/artifacts/artifact/{funnel['latest_id']}", "funnel", "videos listed", "utterances used for training")
    wanted = {"funnel", "headline-scores", "lineage", "rejects", "report"}
    assert wanted <= {one["key"] for one in pages.api("/artifacts/latest/filter", {})}


def test_every_artifact_is_readable_on_its_page(pages: Pages) -> None:
    shown = {"headline-scores": "utterances", "lineage": "dvc", "rejects": "reason", "audit": "not found"}
    latest = {entry["key"]: entry["latest_id"] for entry in pages.api("/artifacts/latest/filter", {})}
    for key, words in shown.items():
        pages.see(f"/artifacts/artifact/{latest[key]}", key, words)


def test_the_report_is_served_where_its_artifact_says(pages: Pages) -> None:
    (link,) = pages.api("/artifacts/latest/filter", {"artifacts": {"key": {"any_": ["report"]}}})
    address = re.search(r"http://127\.0\.0\.1:\d+/", link["data"])
    assert address, link["data"]
    cookie = report_site.set_cookie(int(address[0].rstrip("/").rpartition(":")[2]), pages.server.secret).split(";")[0]
    with urllib.request.urlopen(urllib.request.Request(address[0], headers={"Cookie": cookie}), timeout=10) as page:
        assert page.read() == (pages.folder / "data/report/index.html").read_bytes()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(address[0], timeout=10)


def test_a_failed_run_says_stage_item_and_reason(pages: Pages) -> None:
    assert pages.failed["state"]["name"] == "Failed"
    why = f"segments: {pages.broken}: "
    assert pages.failed["state"]["message"].startswith(why)
    assert re.fullmatch(r"nightly \d{4}-\d\d-\d\d \d\d:\d\d", pages.failed["name"])
    pages.see(f"/runs/flow-run/{pages.failed['id']}?tab=Details", "failed", "Failed", f"State Message {why}")


def test_the_form_explains_every_parameter(pages: Pages) -> None:
    for deployment in ("weak-supervision/nightly", "corpus-benchmark/weekly-benchmark"):
        found = pages.api(f"/deployments/name/{deployment}")
        parameters = found["parameter_openapi_schema"]["properties"]
        assert all(one.get("description") for one in parameters.values()), parameters
        explained = [" ".join(one["description"].split()) for one in parameters.values()]
        pages.see(
            f"/deployments/deployment/{found['id']}/run", f"form-{found['name']}", *explained, "threads processes dask"
        )
