"""Which listed videos still exist, on loopback: there, gone, private, unreachable."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from tasks.core import each
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.on_demand import list_check
from tests.tasks.fetching.conftest import site

__all__ = ["site"]


def status(code: int) -> Any:
    def answer(handler: Any) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def test_states_of_pages(project: Path, site: Any, settings: Config) -> None:
    Path("data").mkdir()
    site.answers.update({"/gone": status(410), "/private": status(403), "/busy": status(503)})
    there = site.interview("there", b"RIFF")
    Path("data/train.txt").write_text("\n".join([there, site.url("/missing"), site.url("/gone"), site.url("/private")]))
    Path("here.wav").write_bytes(b"RIFF")
    Path("data/test.csv").write_text(
        f"Id,URL,File\nbusy,{site.url('/busy')},\nport,http://127.0.0.1:9/x,\nhere,,here.wav\nlost,,lost.wav\n"
    )
    quick = {"backoff_s": 0.01, "max_backoff_s": 0.05, "timeout_s": 2.0, "attempts": 2}
    crawl = settings.crawl.model_copy(
        update={
            "train": "data/train.txt", "test": "data/test.csv", "allow_addresses": [site.place, "127.0.0.1:9"], **quick,
        }
    )  # fmt: skip
    runtime = settings.runtime.model_copy(update={"workers": 2, "progress": "never"})
    config = settings.model_copy(update={"crawl": crawl, "runtime": runtime})
    rows = list_check.check(config, each.local(runtime))
    assert [row["state"] for row in rows] == [
        "exists", "gone", "gone", "private", "unknown", "unknown", "exists", "gone",
    ]  # fmt: skip
    assert rows[3]["row"] == "data/train.txt, row 4"
    assert "HTTP 410" in rows[2]["detail"]
    assert list_check.counts(rows) == {"exists": 2, "gone": 3, "private": 1, "unknown": 2}
    assert site.requests["/there.wav"] <= 1, "media are not fetched"
    pickle.dumps(list_check.work())
    # a second check asks again
    del site.answers["/gone"]
    site.interview("gone", b"RIFF")
    site.pages["/gone"] = site.pages["/watch/gone"]
    assert list_check.check(config, each.local(runtime))[2]["state"] == "exists"


def test_writes_csv_and_json(tmp_path: Path) -> None:
    rows = [{"split": "train", "id": "1", "url": "u", "state": "gone", "detail": "HTTP 404", "row": "a, row 1"}]
    list_check.write(rows, tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text()) == rows
    list_check.write(rows, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == 'train,1,u,gone,HTTP 404,"a, row 1"'
    with pytest.raises(InputError, match=r"expected \.csv or \.json"):
        list_check.write(rows, tmp_path / "x.txt")
