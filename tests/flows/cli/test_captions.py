"""`undertone captions`: streams, several files, errors, the time of an hour of captions."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app
from tasks.core.errors import InputError

VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\n{}\n\n00:03.000 --> 00:04.000\n[Laughter]\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["captions", *arguments], input=stdin)


def written(name: str, words: str = "hello") -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(VTT.format(words), encoding="utf-8")
    return name


def test_the_result_goes_to_stdout_and_what_is_left_out_to_stderr(folder: Path) -> None:
    result = run(written("talk.vtt", "größer"), "--to", "csv")
    assert result.exit_code == 0
    assert result.stdout_bytes.decode("utf-8") == "start_s,end_s,text\n1.000,2.000,größer\n"
    assert result.stderr == "talk.vtt: cue 2 left out, only a tag: [Laughter]\n"
    assert [path.name for path in folder.iterdir()] == ["talk.vtt"], (
        "the command leaves nothing behind, and needs no project"
    )


def test_stdin() -> None:
    result = run("-", "--to", "txt", stdin=VTT.format("hello"))
    assert (result.exit_code, result.stdout) == (0, "hello\n")
    assert result.stderr.startswith("stdin: cue 2 left out")


def test_words_that_are_left_out_are_printable() -> None:
    Path("odd.srt").write_text("1\n00:00:01,000 --> soon \x1b]0;title\x07\nhi\n", encoding="utf-8")
    result = run("odd.srt")
    assert result.exit_code == 0
    assert "\x1b" not in result.stderr
    assert "malformed cue" in result.stderr


def test_results_of_several_files_are_written_beside_them(folder: Path) -> None:
    result = run(written("a/talk.vtt", "first"), written("b/talk.vtt", "second"), "--to", "txt")
    assert result.exit_code == 0
    assert result.stdout == "Written: a/talk.clean.txt\nWritten: b/talk.clean.txt\n"
    assert Path("a/talk.clean.txt").read_text() == "first\n"
    assert Path("b/talk.clean.txt").read_text() == "second\n"


def test_nothing_is_replaced_silently() -> None:
    files = [written("a/talk.vtt", "first"), written("b/talk.vtt", "second")]
    with pytest.raises(InputError, match=r"a/talk\.vtt and b/talk\.vtt would both be written to out/talk\.srt"):
        CliRunner().invoke(app, ["captions", *files, "--out", "out"], catch_exceptions=False)
    with pytest.raises(InputError, match="one of the caption files"):
        CliRunner().invoke(app, ["captions", files[0], "--out", "a", "--to", "vtt"], catch_exceptions=False)
    assert run(files[0], "--out", "out").exit_code == 0
    kept = Path("out/talk.srt").read_text()
    with pytest.raises(InputError, match="exists"):
        CliRunner().invoke(app, ["captions", files[1], "--out", "out"], catch_exceptions=False)
    assert Path("out/talk.srt").read_text() == kept
    assert run(files[1], "--out", "out", "--overwrite").exit_code == 0
    assert "second" in Path("out/talk.srt").read_text()


def test_of_several_files_the_readable_ones_are_cleaned() -> None:
    result = run(written("good.vtt"), "none.vtt", "--to", "txt", "--out", "out")
    assert result.exit_code == 1
    assert Path("out/good.txt").read_text() == "hello\n"
    assert "none.vtt: No such file or directory" in result.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.vtt", "none.vtt: No such file or directory; expected a caption file"),
        (".", ".: Is a directory; expected a caption file"),
        ("x" * 300, "File name too long"),
        ("page.vtt", "page.vtt: unreadable captions: "),
        ("empty.vtt", "empty.vtt: "),
    ],
)
def test_errors_are_one_line(name: str, message: str) -> None:
    Path("page.vtt").write_text("<html>not found</html>", encoding="utf-8")
    Path("empty.vtt").write_text("", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from flows.cli.main import main; main()", "captions", name],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert message in line


def test_a_sound_belongs_to_one_file() -> None:
    with pytest.raises(InputError, match="--audio belongs to one caption file, found 2"):
        CliRunner().invoke(app, ["captions", "a.vtt", "b.vtt", "--audio", "a.wav"], catch_exceptions=False)


def rolling_hour() -> str:
    """Return an hour of automatic captions: a word every 0.35 s, each line displayed in three cues."""
    cues, before = list[str](), " "
    for start_ms in range(0, 3_600_000, 2_500):
        words = [f"word{(start_ms // 2_500 + n) % 977}" for n in range(7)]
        times = [f"<{clock(start_ms + 350 * n)}><c> {word}</c>" for n, word in enumerate(words) if n]
        line = " ".join(words)
        cues.append(f"{clock(start_ms)} --> {clock(start_ms + 2_490)}\n{before}\n{words[0]}{''.join(times)}\n")
        cues.append(f"{clock(start_ms + 2_490)} --> {clock(start_ms + 2_500)}\n{line}\n \n")
        before = line
    return "WEBVTT\n\n" + "\n".join(cues)


def clock(time_ms: int) -> str:
    return f"{time_ms // 3_600_000:02}:{time_ms // 60_000 % 60:02}:{time_ms // 1000 % 60:02}.{time_ms % 1000:03}"


@pytest.mark.parametrize("options", [(), ("--sentences",)])
def test_an_hour_takes_little_time(options: tuple[str, ...]) -> None:
    Path("hour.vtt").write_text(rolling_hour(), encoding="utf-8")
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", "captions", "hour.vtt", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # processor time, since other tests run at the same time; below 0.6 s on an idle machine
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5
    assert sum(line.count("word") for line in done.stdout.splitlines()) == 1_440 * 7
    assert done.stderr == ""


@pytest.mark.parametrize("options", ["", "--sentences"])
def test_libraries_that_start_slowly_are_not_imported(options: str) -> None:
    written("talk.vtt")
    script = (
        "import sys; from typer.testing import CliRunner; from flows.cli.main import app\n"
        f"assert CliRunner().invoke(app, 'captions talk.vtt {options}'.split()).exit_code == 0\n"
        "slow = {'prefect', 'dvc', 'pandas', 'pyarrow', 'numpy', 'yt_dlp', 'pysubs2'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
