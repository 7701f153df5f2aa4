"""A headless Chromium for tests, controlled by the DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--hide-scrollbars", "--window-size=900,800",
    "--remote-debugging-port=0", "--mute-audio",
)  # fmt: skip


class Tab:
    """A browser tab with a profile of its own."""

    def __init__(self, browser: Any, numbers: Iterator[int], session: str) -> None:
        self._browser, self._numbers, self._session = browser, numbers, session

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Return the answer to a command of the protocol."""
        return _ask(self._browser, self._numbers, method, parameters, self._session)

    def open(self, url: str, shows: str = "true") -> None:
        """Go to a page and wait until it is loaded and an expression is true on it."""
        self.ask("Page.navigate", url=url)
        self.until(f"document.readyState === 'complete' && ({shows})")

    def run(self, expression: str) -> Any:
        """Return the value of an expression, or what its promise resolves to."""
        answer = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + 30
        while not (value := self.run(expression)):
            assert time.monotonic() < end, (
                f"{expression} never came true; the page says {self.run('document.body.innerText')!r}"
            )
            time.sleep(0.02)
        return value

    def picture(self, path: Path) -> None:
        """Save a screenshot."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))


SomeTab = TypeVar("SomeTab", bound=Tab)


@contextmanager
def opened(folder: Path, kind: type[SomeTab], *flags: str) -> Iterator[Callable[[], SomeTab]]:
    """Start a browser; yield a function that opens a tab in a profile of its own. Skip if there is no browser.

    Args:
        folder: for the browser's files
        kind: class of the tabs
        flags: further options of Chromium
    """
    from websockets.sync.client import connect

    if CHROMIUM is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on the PATH")
    command = [CHROMIUM, *_FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    with _running(command) as url, connect(url, max_size=None, proxy=None) as connection:
        numbers = itertools.count(1)

        def open_tab() -> SomeTab:
            context = _ask(connection, numbers, "Target.createBrowserContext", {})["browserContextId"]
            made = {"url": "about:blank", "browserContextId": context}
            target = _ask(connection, numbers, "Target.createTarget", made)["targetId"]
            attached = _ask(connection, numbers, "Target.attachToTarget", {"targetId": target, "flatten": True})
            return kind(connection, numbers, attached["sessionId"])

        yield open_tab


@contextmanager
def _running(command: list[str]) -> Iterator[str]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        yield next(match[0] for line in process.stderr if (match := re.search(r"ws://\S+", line)))
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _ask(
    browser: Any, numbers: Iterator[int], method: str, parameters: dict[str, Any], session: str | None = None
) -> dict[str, Any]:
    number = next(numbers)
    message = {"id": number, "method": method, "params": parameters}
    browser.send(json.dumps(message if session is None else {**message, "sessionId": session}))
    while True:
        answer = json.loads(browser.recv(timeout=60))
        if answer.get("id") == number:
            assert "error" not in answer, (method, answer)
            return dict(answer["result"])
