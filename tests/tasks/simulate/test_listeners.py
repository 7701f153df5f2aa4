import csv
from pathlib import Path

import pytest

from tasks.core.config import Config
from tasks.simulate import interviews, listeners

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def rows(settings: Config, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    path = tmp_path_factory.mktemp("listeners") / "simulated.csv"
    listeners.write_listeners(settings.simulate, path)
    assert path.read_text() == (ROOT / "data" / "listeners" / "simulated.csv").read_text()
    return list(csv.DictReader(path.read_text().splitlines()))


def test_every_sentence_of_the_test_interviews_has_three_votes(settings: Config, rows: list[dict[str, str]]) -> None:
    labelled = [
        (interview.id, line.text)
        for interview in interviews.plan(settings.simulate) if interview.split == "test"
        for line in interview.lines if line.intent
    ]  # fmt: skip
    assert [(row["Id"], row["text"]) for row in rows] == labelled
    assert list(rows[0]) == ["Id", "start_s", "end_s", "Ada", "Bruno", "Chen", "text"]
    assert all(float(row["start_s"]) < float(row["end_s"]) for row in rows)


def test_listeners_mostly_hear_what_is_meant(settings: Config, rows: list[dict[str, str]]) -> None:
    meant = {line.text: line.intent for interview in interviews.plan(settings.simulate) for line in interview.lines}
    for name in listeners.LISTENERS:
        agreed = sum(row[name] == meant[row["text"]] for row in rows) / len(rows)
        assert 0.75 < agreed < 0.95
