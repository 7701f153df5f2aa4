"""The published figure is reproduced from the published file, and ours stand beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.cli.screens import results
from tasks.core.config import Config
from tasks.core.errors import ConfigError, InputError
from tasks.on_demand import published_votes

HEADER = 'VideoId,segment,sentiment analysis,ann,bob,cat,text,,"\n"\n'
ROWS = (
    "0,0,positive,positive,positve,neutral,wonderful happy great day,,\n"
    "0,1,negative,negative,negative,negative,terrible awful bad day,,\n"
    "1,0,neutral,neutral,neutral,neutral,table chair window door,,\n"
    '1,1,positive,negative,negative,negative,"great, terrible table",,\n'
    "1,2,neutral,negative,neutral,positive,table chair window door,,\n"
)


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    path = tmp_path / "votes.csv"
    path.write_text(HEADER + ROWS)
    return path


def test_published_labels_and_ours(votes: Path, settings: Config) -> None:
    found = published_votes.compare(votes, settings)
    theirs, ours, ours_covered, theirs_covered, *others = found.rows
    alone = [f"{name} alone" for name in settings.polarity.voters]
    assert [row.label for row in others][:3] == alone
    assert all(row.n == 4 for row in others)
    assert found.curve[0].coverage == 1.0
    # one of four rated rows is wrong: positive for negative
    assert theirs.n == 4
    assert theirs.macro_f1 == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
    assert (theirs.precision, theirs.recall) == pytest.approx(((1 + 1 + 0.5) / 3, (0.5 + 1 + 1) / 3))
    assert ours.n == 4
    assert ours_covered.n == theirs_covered.n == found.n_covered
    assert found.n_videos == 2
    assert all(row.low is not None and row.low <= row.macro_f1 <= (row.high or 0) for row in found.rows)


def test_a_file_without_videos_has_the_same_scores_and_no_intervals(
    votes: Path, settings: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = published_votes.compare(votes, settings)
    votes.write_text(
        "\n".join(line.split(",", 2)[2] for line in (HEADER.replace(',,"\n"', ",,") + ROWS).splitlines()) + "\n"
    )
    without = published_votes.compare(votes, settings)
    assert [(row.label, row.n, row.macro_f1) for row in without.rows] == [
        (row.label, row.n, row.macro_f1) for row in whole.rows
    ]
    assert without.n_videos == 0
    assert all(row.low is row.high is None for row in without.rows)
    results.agreement(without)
    assert "No intervals: they need the video of each row, in a column VideoId." in capsys.readouterr().out


def test_repairs_and_ties_are_told(votes: Path, settings: Config) -> None:
    found = published_votes.compare(votes, settings)
    assert [(one.row, one.listener, one.original, one.corrected) for one in found.repairs] == [
        (1, "bob", "positve", "positive")
    ]
    assert found.listeners.ties == 1


def test_one_video_gives_no_interval(tmp_path: Path, settings: Config) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(HEADER + "0,0,neutral,neutral,neutral,neutral,table,,\n")
    row = published_votes.compare(path, settings).rows[0]
    assert (row.macro_f1, row.low, row.high) == (1.0, None, None)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0,0,good,neutral,neutral,neutral,x,,\n", "row 1, column sentiment analysis: found 'good'"),
        ("0,0,neutral,neutral,huh,neutral,x,,\n", "row 1, column bob: found the rating 'huh'"),
        (
            f"0,0,{'9' * 5000},neutral,neutral,neutral,x,,\n",
            "row 1, column sentiment analysis: found '9{80}'…, expected",
        ),
        (
            '0,0,neutral,neutral,neutral,neutral,"x,,\n',
            "line 3: cannot be read as a CSV file: a quotation mark is opened",
        ),
        ("0,0,neutral,neutral,neutral,neutral,\0,,\n", "line 3: found a NUL character"),
        ("", "nothing to compare"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, settings: Config, row: str, message: str) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(HEADER + row)
    with pytest.raises(InputError, match=message):
        published_votes.compare(path, settings)


def test_an_unknown_voter_is_named_before_anything_is_read(settings: Config) -> None:
    polarity = settings.polarity.model_copy(update={"voters": ["oracle"]})
    with pytest.raises(ConfigError, match="oracle"):
        published_votes.compare(Path("nowhere.csv"), settings.model_copy(update={"polarity": polarity}))


@pytest.mark.real
def test_the_published_figures(real_data: Path, settings: Config) -> None:
    found = published_votes.compare(real_data / "votes" / "train_votes.csv", settings)
    row = found.rows[0]
    assert (row.macro_f1, row.precision, row.recall) == pytest.approx(
        (0.7890368491509899, 0.8132850241545894, 0.7908742444346161), abs=1e-6
    )
    assert (row.n, found.n_videos, found.listeners.ties) == (100, 8, 0)
    assert found.rows[1].n == 100
    assert 80 <= found.n_covered < 100
    assert min(found.listeners.pairs.values()) == pytest.approx(0.835, abs=5e-4)
    assert max(found.listeners.against_majority.values()) == pytest.approx(0.962, abs=5e-4)


@pytest.mark.real
def test_a_misspelling_in_the_published_file_changes_nothing(real_data: Path, settings: Config, tmp_path: Path) -> None:
    original = real_data / "votes" / "train_votes.csv"
    path = tmp_path / "misspelt.csv"
    text = original.read_text()
    path.write_text(text.replace("0,0,neutral,neutral,", "0,0,neutral,netural,", 1))
    found = published_votes.compare(path, settings)
    assert [(one.row, one.original, one.corrected) for one in found.repairs] == [(1, "netural", "neutral")]
    assert found.rows == published_votes.compare(original, settings).rows
