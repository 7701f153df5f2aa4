"""The listening page in a real browser, by keyboard, against a real server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.annotate.store import Store
from tasks.annotate.store_schema import Counts
from tasks.core import paths
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.people import agreement, ratings

from .conftest import Page, Server, words

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
N = 30
LABELS = {"1": "negative", "2": "neutral", "3": "positive"}


def test_two_listeners_one_returns_one_undoes(served: Callable[..., Server], browser: Callable[[], Page]) -> None:
    server = served("--n", str(N))
    ada, bo = browser(), browser()
    ada.enter(server.url, "Ada")
    bo.enter(server.url, "Bo")
    # Ada rates 10 of each; Bo differs on the first six: three times negative for neutral, and three times the reverse
    of_ada = ["1", "2"] * 3 + ["1"] * 7 + ["2"] * 7 + ["3"] * 10
    of_bo = ["2", "1"] * 3 + of_ada[6:]
    for number in range(N):
        if number == 12:
            # she closes the page and returns in another browser
            ada.ask("Page.close")
            ada = browser()
            ada.enter(server.url, "Ada")
            assert ada.progress() == f"12 of {N}"
        ada.vote(of_ada[number], number + 1, N)
        if number == 20:
            bo.vote("1" if of_bo[number] != "1" else "2", number + 1, N)
            mistaken = bo.run("document.getElementById('segment').dataset.key")
            bo.press("u")
            bo.until(f"document.getElementById('progress-text').textContent === '20 of {N}'")
            assert bo.run("document.getElementById('segment').dataset.key") != mistaken
        bo.vote(of_bo[number], number + 1, N)
    assert "All done" in ada.run("document.body.innerText")
    output = server.stop()
    assert f"Written: {paths.ANNOTATED}" in output

    (file,) = ratings.read_folder(paths.LISTENERS)
    assert file.listeners == ("Ada", "Bo")
    votes = [row.ratings for row in file.spans]
    assert len(votes) == N
    assert sum(row["Ada"] == row["Bo"] for row in votes) == 24
    for name, keys in (("Ada", of_ada), ("Bo", of_bo)):
        assert sorted(row[name] for row in votes) == sorted(LABELS[key] for key in keys)
    measures = agreement.measures(votes, np.array([row.video_id for row in file.spans]), Bootstrap(200, 0.95, 1))
    # by hand: 24 of 30 agree; both use each label 10 times, so that chance gives a third (Fleiss), and, drawn without
    # replacement, 57/177 (Krippendorff: 3 · 20 · 19 / (60 · 59))
    assert measures["percent"].value == pytest.approx(0.8)
    assert measures["kappa"].value == pytest.approx((0.8 - 1 / 3) / (2 / 3))
    assert measures["alpha"].value == pytest.approx(1 - (1 - 0.8) / (1 - 57 / 177))
    assert all(estimate.low is not None and estimate.high is not None for estimate in measures.values())


def test_a_caption_that_is_a_script_is_shown_as_text(
    served: Callable[..., Server], browser: Callable[[], Page]
) -> None:
    evil = "<script>document.title = 'broken into'</script><img src=x onerror=\"document.title = 'broken into'\">"
    words({f"weak/test-{video}/{turn:04d}": evil for video in range(4) for turn in range(9)})
    page = browser()
    page.enter(served("--text").url, "Ada")
    assert page.run("document.getElementById('text').innerText") == evil
    assert page.run("document.getElementById('text').childElementCount") == 0
    assert "broken" not in page.run("document.title")
    if pictures := os.environ.get("UNDERTONE_SCREENSHOTS"):
        page.picture(Path(pictures) / "annotate-script.png")


def test_the_page_shows_no_weak_label_and_by_default_no_text(
    served: Callable[..., Server], browser: Callable[[], Page]
) -> None:
    page = browser()
    page.enter(served().url, "Ada")
    page.until("document.getElementById('play').classList.contains('playing')")
    assert page.run("document.getElementById('text').hidden")
    assert "someone" not in page.run("document.documentElement.outerHTML")
    state = page.run(
        "fetch('api/state', {method: 'POST', headers: {'Content-Type': 'application/json', 'X-Undertone': 'annotate'},"
        " body: JSON.stringify({listener: 'Ada'})}).then((answer) => answer.json())"
    )
    assert set(state) == {"listener", "practice", "done", "total", "segment"}
    assert set(state["segment"]) == {"key", "text", "length_s"}
    assert state["segment"]["text"] is None


def test_keys_skip_and_replay_and_a_name_is_asked_for(
    served: Callable[..., Server], browser: Callable[[], Page]
) -> None:
    server, page = served("--n", "3"), browser()
    page.ask("Page.navigate", url=server.url)
    page.until("document.readyState === 'complete' && !!document.getElementById('enter')")
    page.run("document.getElementById('listener').value = 'text'; document.getElementById('enter').requestSubmit()")
    page.until("document.getElementById('enter-error').textContent.includes('cannot be named')")
    page.enter(server.url, "Ada")
    page.press(" ")
    page.vote("s", 1, 3)
    page.vote("0", 2, 3)
    page.vote("3", 3, 3)
    server.stop()
    with Store(paths.RATING_STORE) as store:
        labels = sorted(str(item.ratings["Ada"]) for item in store.rated_segments())
    assert labels == ["None", "None", "positive"]


@pytest.mark.long
def test_a_clip_is_played_to_its_end_before_it_is_rated(
    served: Callable[..., Server], browser: Callable[[], Page]
) -> None:
    options = ("--n", "2", "--practice", "1", "--least-played", "1")
    server, page = served(*options), browser()
    page.enter(server.url, "Ada")
    page.until("document.getElementById('play').classList.contains('playing')")
    assert not page.run("document.getElementById('practice').hidden")
    page.press("3")
    page.until("document.getElementById('rating-error').textContent.includes('still playing')")
    page.run("document.querySelector('[data-label=positive]').click()")
    assert page.progress() == "0 of 1"
    # a script on the page cannot rate it earlier either
    refused = page.run(
        "fetch('api/rate', {method: 'POST', headers: {'Content-Type': 'application/json', 'X-Undertone': 'annotate'},"
        " body: JSON.stringify({listener: 'Ada', key: document.getElementById('segment').dataset.key,"
        " label: 'positive', played_s: 99})}).then((answer) => answer.json())"
    )
    assert "of the clip were played" in refused["detail"]
    page.until("document.getElementById('segment').classList.contains('played')")
    page.press("?")
    page.until("document.getElementById('help').open")
    assert "No feeling stands out" in page.run("document.getElementById('help').innerText")
    page.press("3")
    page.press("?")
    page.until("!document.getElementById('help').open")
    assert page.progress() == "0 of 1"
    page.press("3")
    # what counts begins with a key
    page.until("!document.getElementById('counts').hidden")
    assert page.progress() == "0 of 2"
    page.press(" ")
    page.until("document.getElementById('segment').classList.contains('played')")
    page.press(" ")
    # on a busy machine the key would come before any of the replay was played
    page.until(
        "document.getElementById('play').classList.contains('playing')"
        " && document.getElementById('sound').currentTime > 0.2"
    )
    page.vote("3", 1, 2)
    server.kill()
    # the server is started again: practice and the first rating are kept
    server = served(*options)
    page = browser()
    page.enter(server.url, "Ada")
    assert page.progress() == "1 of 2"
    page.vote("1", 2, 2)
    server.stop()
    with Store(paths.RATING_STORE) as store:
        first, second = sorted(store.rated_segments(), key=lambda item: item.playback["Ada"].plays)
        assert len(store.rated("Ada", Counts.PRACTICE)) == 1
    assert (first.ratings["Ada"], second.ratings["Ada"]) == ("negative", "positive")
    assert (first.playback["Ada"].plays, second.playback["Ada"].plays) == (1, 2)
    assert 2.0 < first.playback["Ada"].played_s < 3.5
    assert second.playback["Ada"].played_s > first.playback["Ada"].played_s


def test_the_token_is_needed_once_per_browser(served: Callable[..., Server], browser: Callable[[], Page]) -> None:
    address, token = served("--host", "0.0.0.0", "--n", "3").url.split("?token=")
    local = f"http://127.0.0.1:{address.split(':')[2]}"
    page = browser()
    page.enter(f"{local}?token={token}", "Ada")
    page.vote("1", 1, 3)
    # the token is not in the address, and scripts cannot read it
    assert page.run("location.href") == local
    assert token not in page.run("document.cookie + document.documentElement.outerHTML")
    page.ask("Page.navigate", url=local)
    page.until("document.getElementById('progress-text')?.textContent === '1 of 3'")
    stranger = browser()
    stranger.ask("Page.navigate", url=local)
    stranger.until("document.body.innerText.startsWith('Open the complete address')")


def test_a_stopped_server_is_reported_and_nothing_counts(
    served: Callable[..., Server], browser: Callable[[], Page]
) -> None:
    server, page = served("--n", "3"), browser()
    page.enter(server.url, "Ada")
    page.until("document.getElementById('play').classList.contains('playing')")
    server.kill()
    page.press("1")
    page.until("document.getElementById('rating-error').textContent.startsWith('Not saved')")
    assert page.progress() == "0 of 3"


def test_pictures(served: Callable[..., Server], browser: Callable[[], Page]) -> None:
    folder = os.environ.get("UNDERTONE_SCREENSHOTS")
    if not folder:
        pytest.skip("UNDERTONE_SCREENSHOTS names no folder")
    page, server = browser(), served("--text", "--n", "3")
    page.ask("Page.navigate", url=server.url)
    page.until("document.readyState === 'complete'")
    page.picture(Path(folder) / "annotate-enter.png")
    page.enter(server.url, "Ada")
    page.until("document.getElementById('play').classList.contains('playing')")
    page.picture(Path(folder) / "annotate-hearing.png")
    page.vote("3", 1, 3)
    page.vote("1", 2, 3)
    page.vote("2", 3, 3)
    page.picture(Path(folder) / "annotate-end.png")
