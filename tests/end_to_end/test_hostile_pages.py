"""Attacks by a web page in the browser of someone who is logged in to Prefect, the report and the listening page.

The page is on a foreign site, on another port of this machine, or on a name that it has rebound to this machine. It
tries every way in which a browser lets a page send requests, and must read nothing and start nothing.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.ui import report_site, server
from flows.ui.server import PrefectServer
from tasks.annotate import app, serve
from tasks.annotate.listening_session import ListeningSession
from tasks.annotate.rated_segments import Segment, SegmentId
from tasks.annotate.store import Store
from tests.browser import CHROMIUM, Tab, opened
from tests.prefect_api import Api

from .test_ui import free_port

ROOT = Path(__file__).resolve().parents[2]
FLOW = """
from pathlib import Path
from prefect import flow

@flow(name="{name}")
def {function}(refresh: bool = False, note: str = "started") -> None:
    Path(note).write_text("started")
"""
ATTACK = Path(__file__).with_name("hostile_page.js").read_text(encoding="utf-8").partition("\n")[2].strip()
REBOUND = """
async (target) => {
  const outcome = { page: document.body.innerText };
  const body = JSON.stringify(target.body);
  const headers = { "Content-Type": "application/json", "X-Undertone": "annotate" };
  for (const options of [{}, { method: "POST", headers, body }]) {
    outcome[options.method ?? "GET"] = (await fetch(target.path, options)).status;
  }
  return outcome;
}
"""
HARMLESS = {"refused", "closed", "silent"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]


@dataclass(frozen=True)
class Target:
    """A request that would read or start something."""

    url: str
    body: dict[str, Any]
    sockets: bool = False


@dataclass(frozen=True)
class Victim:
    """All servers, and a person who is logged in to each of them."""

    prefect: PrefectServer
    report: str
    listening: str
    deployment: str
    store: Store
    key: str
    hostile_port: int
    tab: Callable[[], Tab]

    def targets(self) -> list[Target]:
        run = {"name": "hostile", "parameters": {"note": "hostile"}, "job_variables": {"command": "touch hostile"}}
        rating = {"listener": "Mallory", "key": self.key, "label": "negative"}
        api = f"{self.prefect.url}/api"
        return [
            Target(f"{api}/deployments/{self.deployment}/create_flow_run", run),
            Target(f"{api}/deployments/filter", {}),
            Target(f"{api}/admin/version", {}),
            Target(f"{api}/events/out", {}, sockets=True),
            Target(f"{api}/events/in", {}, sockets=True),
            Target(f"{self.prefect.url}/ui-settings", {}),
            Target(f"{self.prefect.url}/enter", {}),
            Target(f"{self.prefect.url}/enter.js", {}),
            Target(self.report, {}),
            Target(self.listening, {}),
            Target(f"{self.listening}annotate.js", {}),
            Target(f"{self.listening}audio/{self.key}.flac", {}),
            Target(f"{self.listening}api/rate", rating),
            Target(f"{self.listening}api/state", {"listener": "Mallory"}, sockets=True),
        ]

    def started(self) -> list[str]:
        named = {"flow_runs": {"name": {"any_": ["hostile"]}}}
        runs = [run["id"] for run in Api(self.prefect).ask("/flow_runs/filter", named)]
        return [*runs, *(str(path) for path in Path.cwd().glob("hostile*")), *self.store.listeners()]


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>kittens</title><body>kittens</body>")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def hostile_site() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site.server_address[1]
        site.shutdown()


@contextlib.contextmanager
def listening_page(store: Store, segment: Segment) -> Iterator[str]:
    import uvicorn

    from tasks.annotate import access

    session = ListeningSession(store, [segment], {segment.id.key: b"fLaC"}, with_text=True)
    with serve._bound(serve.ListenAddress("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        rules = access.for_host("127.0.0.1", port)
        running = uvicorn.Server(
            uvicorn.Config(app.make(session, rules), log_level="warning", ws="none", lifespan="off")
        )
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}/?token={rules.token}"
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    root = tmp_path_factory.mktemp("hostile")
    text = (ROOT / "prefect.yaml").read_text()
    for name in ("weak-supervision", "corpus-benchmark"):
        function = name.replace("-", "_")
        text = text.replace(f"undertone.{function}", f"{function}.py:{function}")
        (root / f"{function}.py").write_text(FLOW.format(name=name, function=function))
    (root / "prefect.yaml").write_text(text)
    (root / "data/report").mkdir(parents=True)
    (root / "data/report/index.html").write_text("<!doctype html><title>report</title>the report")
    segment = Segment(SegmentId("weak/test-1/0001", 0.0, 2.0), "test-1", "some words")
    port = free_port()
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).chdir(root)
        store = stack.enter_context(Store(root / "votes.sqlite"))
        address = stack.enter_context(listening_page(store, segment))
        hostile_port = stack.enter_context(hostile_site())
        prefect = stack.enter_context(server.running(port))
        resolving = "--host-resolver-rules=MAP evil.test 127.0.0.1"
        # the browser must not refuse what our servers have to refuse
        careless = "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"
        open_tab = stack.enter_context(
            opened(root, Tab, resolving, careless, "--autoplay-policy=no-user-gesture-required")
        )
        tab = open_tab()
        deployment = Api(prefect).ask("/deployments/name/weak-supervision/nightly")["id"]
        report = report_site.url(port + 1)
        log_in(tab, prefect, report, address)
        listening = address.partition("?")[0]
        yield Victim(prefect, report, listening, deployment, store, segment.id.key, hostile_port, lambda: tab)


def log_in(tab: Tab, prefect: PrefectServer, report: str, listening: str) -> None:
    tab.open(report, "document.body.innerText.includes('the link that `undertone ui` printed')")
    tab.open(prefect.link, "document.body.innerText.includes('Deployments')")
    assert prefect.secret.auth_string not in tab.run("location.href")
    assert "undertone" not in tab.run("document.cookie"), "out of reach for scripts"
    tab.open(report, "document.body.innerText.includes('the report')")
    tab.open(listening, "document.body.innerText.includes('How does the speaker sound?')")


def test_the_printed_link_logs_in_to_prefect_and_the_report(victim: Victim) -> None:
    tab = victim.tab()
    tab.open(f"{victim.prefect.url}/deployments", "document.body.innerText.includes('weekly-benchmark')")
    # a link from Prefect's page to the report, as its artifact has one
    loaded = tab.run("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).host)")
    assert set(loaded) == {victim.prefect.url.removeprefix("http://")}
    tab.run(f"location.assign({victim.report!r})")
    tab.until("document.body?.innerText.includes('the report')")
    tab.open(victim.prefect.url.replace("127.0.0.1", "localhost"), "document.body.innerText.includes('Dashboard')")
    assert tab.run("location.hostname") == "127.0.0.1"


def test_a_run_is_started_and_watched_by_the_browser(victim: Victim) -> None:
    tab = victim.tab()
    tab.open(
        f"{victim.prefect.url}/deployments/deployment/{victim.deployment}",
        "document.body.innerText.includes('nightly')",
    )
    run = f"""(async () => {{
      const password = localStorage.getItem("prefect-password");
      const headers = {{ "Content-Type": "application/json", Authorization: "Basic " + password }};
      const patient = async (path, options) => {{
        for (;;) {{
          const answer = await fetch(path, options);
          // SQLite is busy
          if (answer.status !== 503) return answer;
        }}
      }};
      const token = await (await patient("/api/csrf-token?client=c", {{ headers }})).json();
      Object.assign(headers, {{ "Prefect-Csrf-Token": token.token, "Prefect-Csrf-Client": "c" }});
      const path = "/api/deployments/{victim.deployment}/create_flow_run";
      const start = (body) => patient(path, {{ method: "POST", headers, body: JSON.stringify(body) }});
      const refused = await start({{ job_variables: {{ command: "touch hostile-command" }} }});
      const started = await start({{ parameters: {{ note: "from-the-page" }} }});
      return [refused.status, started.status];
    }})()"""
    assert tab.run(run) == [422, 201]
    end = time.monotonic() + 90
    while not Path("from-the-page").exists():
        assert time.monotonic() < end, "the run did not start"
        time.sleep(0.5)
    assert victim.started() == []


@pytest.mark.parametrize("site", ["http://evil.test:{port}/", "http://127.0.0.1:{port}/", "http://localhost:{port}/"])
def test_a_page_of_another_site_or_port_reads_nothing_and_starts_nothing(victim: Victim, site: str) -> None:
    tab = victim.tab()
    for target in victim.targets():
        tab.open(site.format(port=victim.hostile_port), "document.title === 'kittens'")
        results = tab.run(f"({ATTACK})({json.dumps(vars(target))})")
        assert len(results) >= 20
        assert {name: result for name, result in results.items() if result not in HARMLESS} == {}, target
    assert victim.started() == []


def test_a_page_with_a_rebound_name_reads_nothing_and_starts_nothing(victim: Victim) -> None:
    tab = victim.tab()
    for target in victim.targets():
        rebound = target.url.replace("127.0.0.1", "evil.test")
        tab.open(rebound)
        path = "/" + rebound.split("/", 3)[3]
        results = tab.run(f"({REBOUND})({json.dumps({'path': path, 'body': target.body})})")
        assert "does not answer to this name" in results.pop("page"), target
        assert results["GET"] == 403, target
        assert results["POST"] in (403, 501), target
    assert victim.started() == []
