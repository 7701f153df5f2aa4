"""The report site: only the report, only on loopback, only to a browser that has logged in."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.ui import report_site, secret

MISSING = "There is no such page. Runs write the report at /, an experiment's page at /page/NAME/, and /leaderboard/.\n"


@dataclass(frozen=True)
class Site:
    """A running report site."""

    folder: Path
    port: int
    cookie: str

    def get(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            sent = {"Cookie": self.cookie, **{name.replace("_", "-"): value for name, value in headers.items()}}
            connection.request(method, path, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    access = secret.new()
    cookie = report_site.set_cookie(port, access).split(";")[0]
    with report_site.serving(tmp_path, port, access):
        yield Site(tmp_path / "report", port, cookie)


def test_only_the_report_is_served_and_only_on_loopback(site: Site) -> None:
    (site.folder.parent / "secret.txt").write_text("secret")
    assert site.get()[:2] == (404, MISSING)
    (site.folder / "plots").mkdir(parents=True)
    (site.folder / "index.html").write_text("the report")
    assert site.get()[:2] == (200, "the report")
    for path in ("/plots/", "/../secret.txt", "/%2e%2e/secret.txt", "//../secret.txt", "/..%2fsecret.txt"):
        assert site.get(path)[0] == 404, path
    for path in ("/..%5csecret.txt", "/plots%00/secret.txt", "/%ff"):
        assert site.get(path)[0] in (400, 404), path
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert site.get(method=method)[0] == 501
    address = socket.gethostbyname(socket.gethostname())
    if not address.startswith("127."):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, site.port), timeout=2)


def test_pages_of_experiments_and_the_leaderboard_are_served_and_nothing_else_of_data(site: Site) -> None:
    for name in ("report", "page/mine", "leaderboard", "experiment/mine", "annotate"):
        folder = site.folder.parent / name
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(name)
    assert site.get("/page/mine/")[:2] == (200, "page/mine")
    assert site.get("/page/mine/index.html")[:2] == (200, "page/mine")
    assert site.get("/leaderboard/")[:2] == (200, "leaderboard")
    status, _, headers = site.get("/leaderboard")
    assert (status, headers["Location"]) == (301, "/leaderboard/")
    for path in ("/page/", "/page/lost/", "/experiment/mine/", "/annotate/", "/page/../experiment/mine/index.html",
                 "/page/%2e%2e/annotate/index.html", "//page/mine/../../annotate/index.html"):  # fmt: skip
        assert site.get(path)[0] == 404, path
    assert site.get("/page/mine/", Cookie="")[0] == 401
    assert site.get("/leaderboard/", Host="rebound.example")[0] == 403


def test_the_cookie_of_this_start_is_needed(site: Site) -> None:
    site.folder.mkdir()
    (site.folder / "index.html").write_text("the report")
    name, value = site.cookie.split("=")
    of_another_start = report_site.set_cookie(site.port, secret.new()).split(";")[0]
    for cookie in (
        "",
        name,
        f"{name}=",
        f"{name}={value}x",
        f"{name}={value[:-1]}",
        f"x{site.cookie}",
        of_another_start,
    ):
        status, text, _ = site.get(Cookie=cookie)
        assert (status, "the link that `undertone ui` printed" in text, "the report" in text) == (401, True, False), (
            cookie
        )
    # cookies of other servers on this machine are sent along, whatever they hold
    for cookie in (f"a,b[]=ü; {site.cookie}", f'{site.cookie};other="1', f"{name}=old; {site.cookie}"):
        assert site.get(Cookie=cookie)[0] == 200, cookie


def test_the_cookie_is_out_of_reach_for_scripts_and_opens_nothing_else() -> None:
    access = secret.new()
    header = report_site.set_cookie(4201, access)
    assert header.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert header.startswith("undertone_report_4201=")
    assert access.auth_string.removeprefix("undertone:") not in header


def test_other_pages_and_names_are_refused_even_with_the_cookie(site: Site) -> None:
    site.folder.mkdir()
    (site.folder / "index.html").write_text("the report")
    for host in ("rebound.example", f"rebound.example:{site.port}", "127.0.0.1", f"127.0.0.1:{site.port + 1}"):
        assert site.get(Host=host)[0] == 403, host
    for origin in ("http://evil.example", f"http://127.0.0.1:{site.port - 1}", "null"):
        assert site.get(Origin=origin)[0] == 403, origin
    assert site.get(Sec_Fetch_Site="same-site", Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image")[0] == 403
    assert site.get(Sec_Fetch_Site="same-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe")[0] == 403
    # the link of the artifact in Prefect's pages
    assert site.get(Sec_Fetch_Site="same-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")[0] == 200


def test_no_page_may_embed_or_guess(site: Site) -> None:
    for path in ("/", "/missing"):
        headers = site.get(path)[2]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers
