"""The benchmark at small sizes: runs in turn, statistics, the page, and the generated projects."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from bench import __main__ as bench_main
from bench import cases, chart, crawled_projects, dask_runs, measurements, page
from bench.cases import encoder, features, ravdess, svm
from bench.measurements import Bound, CaseResult, Measurement, MedianRange, OutputComparison
from bench.runner import Bench, Pairs, RunFailed, Skipped, TimedRun, peers_python, speedup, whisperx_python
from bench.side import RunSpec
from flows.project import workspace
from tasks.core import config, each, paths, tables, workers
from tasks.simulate import site
from tasks.simulate.sample import sample
from tasks.stages import crawl
from tests import bench_sides

ROOT = Path(__file__).resolve().parent.parent
SIDES = "tests.bench_sides"
ABOUT = {"date": "2026-01-01", "commit": "abc", "cpu": "a CPU", "cores": 2, "system": "Linux", "python": "3.11",
         "versions": {"numpy": "2"}, "peers": {"opensmile": "2"}}  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, n_runs=3, quick=True)


@pytest.fixture
def side(tmp_path: Path) -> Callable[..., RunSpec]:
    log = tmp_path / "log.txt"
    return lambda name, duration_s=0.0: RunSpec(
        name, f"{SIDES}:sleeping", {"duration_s": duration_s, "log": str(log), "name": name}
    )


def pairs_of(ours_s: list[float], theirs_s: list[float]) -> Pairs:
    runs = ([TimedRun({}, time_s, 1, None) for time_s in times_s] for times_s in (ours_s, theirs_s))
    return Pairs(*map(tuple, runs))


def test_both_sides_run_in_turn_and_only_their_work_is_timed(bench: Bench, side: Any, tmp_path: Path) -> None:
    pairs = bench.alternate(side("a", 0.02), side("b", 0.1))
    assert (tmp_path / "log.txt").read_text().split() == ["a", "b"] * 3
    assert pairs.ours[0].summary == {"made": "a"}
    assert pairs.ours[0].peak_bytes > 1e6
    assert all(0.02 <= run.seconds < bench_sides.PREPARING_S for run in pairs.ours), pairs
    assert all(0.1 <= run.seconds < bench_sides.PREPARING_S for run in pairs.theirs), pairs


def test_inputs_are_computed_before_each_run(bench: Bench, side: Any) -> None:
    calls = list[int]()

    def inputs() -> Any:
        calls.append(len(calls))
        return side("a").inputs

    bench.repeat(replace(side("a"), inputs=inputs))
    assert calls == [0, 1, 2]


def test_a_run_that_fails_says_why(bench: Bench) -> None:
    with pytest.raises(RunFailed, match="no such sound"):
        bench.run_once(RunSpec("it", f"{SIDES}:failing", {}))


def test_a_program_that_fails_says_why(bench: Bench, tmp_path: Path) -> None:
    step = [sys.executable, "-c", "import sys; sys.exit('it is broken')"]
    with pytest.raises(RunFailed, match="it is broken"):
        bench.run_once(RunSpec("it", "bench.commands:run", {"steps": [step], "folder": str(tmp_path)}))


def test_most_memory_counts_what_a_program_starts(bench: Bench, tmp_path: Path) -> None:
    inner = "x = bytearray(150_000_000)"
    # what the caller holds is none of it
    held = bytearray(500_000_000)
    step = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"]
    run = bench.run_once(RunSpec("it", "bench.commands:run", {"steps": [step], "folder": str(tmp_path)}))
    assert 150e6 < run.peak_bytes < 400e6 < len(held)


def test_most_memory_counts_what_outlives_a_program(bench: Bench, tmp_path: Path) -> None:
    inner = "import time; x = bytearray(150_000_000); time.sleep(0.5)"
    outer = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {inner!r}], stderr=subprocess.DEVNULL)"
    step = [sys.executable, "-c", outer]
    run = bench.run_once(RunSpec("it", "bench.commands:run", {"steps": [step], "folder": str(tmp_path)}))
    assert 150e6 < run.peak_bytes < 400e6
    assert run.seconds < 0.5


def test_the_computing_of_forked_workers_counts(tmp_path: Path) -> None:
    script = tmp_path / "forking.py"
    script.write_text(
        "import multiprocessing, time\n"
        "def work():\n"
        "    while time.process_time() < 0.6: pass\n"
        "if __name__ == '__main__':\n"
        "    worker = multiprocessing.get_context('forkserver').Process(target=work)\n"
        "    worker.start()\n"
        "    worker.join()\n"
    )
    assert dask_runs._cpu_s_of(lambda: dask_runs._run([sys.executable, str(script)], tmp_path, {})) > 0.6


def test_one_core_is_one(bench: Bench, tmp_path: Path) -> None:
    shown = "(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"
    code = f"import os, pathlib; pathlib.Path('n').write_text(repr({shown}))"
    bench.run_once(
        RunSpec("it", "bench.commands:run", {"steps": [[sys.executable, "-c", code]], "folder": str(tmp_path)})
    )
    assert (tmp_path / "n").read_text() == "(1, '1')"


def test_a_ratio_is_that_of_a_pair() -> None:
    pairs = pairs_of([1.0, 2.0, 1.0], [10.0, 24.0, 11.0])
    row = speedup("one", "it", pairs, peer="them", target=11.0, agreement=OutputComparison(True, "same"))
    assert row.values == (10.0, 12.0, 11.0)
    assert row.spread == MedianRange(11.0, 10.0, 12.0, 3)
    assert row.met
    assert row.times_s == {"undertone": (1.0, 2.0, 1.0), "them": (10.0, 24.0, 11.0)}
    assert replace(row, target=Bound(11.5)).met is False
    assert Bound(0.03, "at most").met_by(0.02)
    assert not Bound(0.03, "at most").met_by(0.04)


def test_differences_of_features_are_in_standard_deviations() -> None:
    import numpy as np

    theirs = np.array([[0.0, 2.0], [5.0, 5.0]])
    assert features.largest_difference(theirs, theirs) == 0
    assert features.largest_difference(theirs + np.array([[0.1], [0.0]]), theirs) == pytest.approx(0.1)
    assert features.largest_difference(theirs[:1], theirs) == np.inf


def test_the_least_cosine_is_that_of_the_worst_row() -> None:
    import numpy as np

    mine, theirs = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[2.0, 0.0], [1.0, 0.0]])
    assert encoder.least_cosine(mine, theirs) == pytest.approx(2**-0.5)


@pytest.mark.parametrize(("kind", "n_features"), [("mid-term", 136), ("functionals", 2_593)])
def test_features_of_a_corpus_become_a_table(tmp_path: Path, kind: ravdess.Kind, n_features: int) -> None:
    import numpy as np
    import pyarrow.parquet as pq
    import soundfile

    rng = np.random.default_rng(1)
    files = [str(tmp_path / f"{number}.flac") for number in range(3)]
    for number, file in enumerate(files):
        # the last one has two channels
        soundfile.write(file, 0.1 * rng.standard_normal((8_000 + 800 * number, 1 + number // 2)), 16_000)
    table = str(tmp_path / "features.parquet")
    prepared = ravdess.ours(files, 1, kind, table)
    assert prepared.summary(prepared.timed()) == [3, n_features]
    written = pq.read_table(table)
    assert written["file"].to_pylist() == files
    values = np.array([written[name].to_numpy() for name in written.column_names[1:]]).T
    np.testing.assert_array_equal(values, ravdess.features(kind, files))


def test_growth_is_a_power_of_the_rows() -> None:
    assert svm.growth_exponent({1_000: 2.0, 2_000: 8.0, 4_000: 32.0}) == pytest.approx(2.0)


def test_the_page_of_a_subset_keeps_the_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(factor: float) -> Callable[[Bench], list[Measurement]]:
        def case(bench: Bench) -> list[Measurement]:
            pairs = pairs_of([1.0] * bench.n_runs, [factor] * bench.n_runs)
            return [speedup("", "sounds", pairs, peer="them", target=2.0, agreement=OutputComparison(True, "equal"))]

        return case

    def skipping(_: Bench) -> list[Measurement]:
        raise Skipped("no ears here")

    monkeypatch.setattr(bench_main.machine, "about", lambda: ABOUT)
    monkeypatch.setattr(bench_main, "_SCRATCH", tmp_path / "scratch")
    measures: dict[str, Any] = {"features": measure(3.0), "decode": measure(1.5), "svm": skipping}
    monkeypatch.setattr(bench_main, "find", measures.__getitem__)
    command = ["--runs", "2", "--out", str(tmp_path)]
    assert bench_main.main([*command, "features", "decode", "svm"]) == 0
    measures["decode"] = measure(4.0)
    assert bench_main.main([*command, "decode"]) == 0
    text = (tmp_path / page.PAGE).read_text()
    assert "**3.00×** (3.00×–3.00×) faster than them | 2 | ≥ 2.00× | yes | equal |" in text
    assert "**4.00×**" in text
    assert "1.50×" not in text
    assert "skipped: no ears here" in text
    assert "a CPU" in text
    assert (tmp_path / page.CHART).read_text().startswith("<?xml")
    assert "svm: skipped: no ears here" in capsys.readouterr().out


def test_a_case_that_fails_costs_no_other_and_no_earlier_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bench: Bench
) -> None:
    def failing_case(_: Bench) -> list[Measurement]:
        raise RunFailed("the end of what it said")

    def skipping(_: Bench) -> list[Measurement]:
        raise Skipped("no ears here")

    def fine(_: Bench) -> list[Measurement]:
        return [Measurement("startup", "nothing", "seconds", (0.1, 0.2), Bound(0.3, "at most"))]

    monkeypatch.setattr(bench_main.machine, "about", lambda: ABOUT)
    measurements.write(CaseResult("svm", (Measurement("svm", "rows", "times faster", (5.0,)),), ABOUT), tmp_path)
    assert bench_main.measure_cases({"features": failing_case, "svm": skipping, "startup": fine}, bench, tmp_path)
    assert measurements.read(tmp_path, "features") is None
    kept, new = measurements.read(tmp_path, "svm"), measurements.read(tmp_path, "startup")
    assert kept is not None and kept.rows[0].values == (5.0,)
    assert new is not None and new.rows[0].met
    assert "the end of what it said" in capsys.readouterr().out


def test_results_that_differ_end_in_a_status_other_than_0(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Measurement("features", "it", "times faster", (2.0,), times_s={"undertone": (1.0,), "them": (2.0,)},
              agreement=OutputComparison(False, "3 labels"))  # fmt: skip
    monkeypatch.setattr(bench_main.machine, "about", lambda: ABOUT)
    assert bench_main.measure_cases({"features": lambda _: [row]}, bench, tmp_path)
    read = measurements.read(tmp_path, "features")
    assert read is not None and read.rows == (row,)
    assert "**differ**: 3 labels" in page.text([read])


@pytest.mark.parametrize("wrong", [["nonsense"], ["--runs", "0"]])
def test_a_mistake_on_the_command_line_is_reported(wrong: list[str]) -> None:
    ended = subprocess.run([sys.executable, "-m", "bench", *wrong], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "nonsense" in ended.stderr or "found '0'" in ended.stderr


def test_without_the_peers_environment_a_case_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bench.runner.PEERS", tmp_path)
    monkeypatch.setattr("bench.runner.WHISPERX", tmp_path)
    with pytest.raises(Skipped, match="make bench"):
        peers_python()
    with pytest.raises(Skipped, match="pip install whisperx=="):
        whisperx_python()


def test_every_case_can_be_measured() -> None:
    assert all(callable(bench_main.find(name)) for name in cases.NAMES)


def test_the_chart_is_the_same_bytes_for_the_same_rows(tmp_path: Path) -> None:
    some = [
        Measurement("features", "it", "times faster", (20.0, 30.0, 25.0), Bound(25.0)),
        Measurement("incremental", "it", "share", (0.02, 0.04), Bound(0.03, "at most")),
        Measurement("svm", "it", "times faster", (0.9,)),
    ]
    for name in ("one.svg", "two.svg"):
        chart.write(tmp_path / name, some)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    chart.write(tmp_path / "none.svg", [])


def test_a_synthetic_corpus_is_unbalanced_and_its_videos_hold_together() -> None:
    made = svm.synthetic(2_000, seed=3)
    assert made["features"].shape == (2_000, 136)
    assert made["held_out"].shape == (400, 136)
    shares = [float((made["labels"] == name).mean()) for name in svm.CLASSES]
    assert shares == pytest.approx(svm.SHARES, abs=0.05)
    correlations = np.abs(np.corrcoef(made["features"], rowvar=False))
    assert np.median(correlations) > 0.05
    assert np.array_equal(svm.synthetic(2_000, seed=3)["features"], made["features"])


@pytest.mark.slow
def test_crawled_projects_are_what_a_real_crawl_leaves(
    tmp_path: Path, settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_interviews = 5
    planned = crawled_projects.plan(settings.simulate, n_interviews)
    sized = settings.simulate.model_copy(update={"train": 4, "test": 1})
    pages = sample(sized, tmp_path / "site")
    wanted = {interview.id for interview in planned}
    chosen = replace(pages, entries=tuple(entry for entry in pages.entries if entry.id in wanted))
    with site.serve(chosen) as url:
        real = tmp_path / "real"
        (real / "data").mkdir(parents=True)
        monkeypatch.chdir(real)
        site.write_lists(chosen, url, real / "data/train.csv", real / "data/test.csv")
        asked = settings.crawl.model_copy(update={"allow_addresses": [url.removeprefix("http://")]})
        runtime = settings.runtime.model_copy(update={"workers": 1, "progress": "never"})
        crawl.run(settings.model_copy(update={"crawl": asked, "runtime": runtime}), each=each.local(runtime))
    whole = crawled_projects.store(tmp_path / "store", n_interviews, site=url, n_workers=1)
    made = crawled_projects.project(whole, tmp_path / "made", wanted, workers="1")
    assert contents(made) == contents(real)
    status = [sys.executable, "-m", "dvc", "status", "crawl"]
    assert "crawl" not in subprocess.run(status, cwd=made, capture_output=True, text=True, check=True).stdout


def test_a_store_is_enlarged_by_copies_at_other_speeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # processes, Git and DVC take seconds
    monkeypatch.setattr(workers, "pool", ThreadPoolExecutor)
    monkeypatch.setattr(workspace, "create", lambda folder: (folder / "data").mkdir(parents=True))
    whole = tmp_path / "crawled"
    (whole / paths.MEDIA).mkdir(parents=True)
    rows = [
        crawled_row(whole, "train-1", 440, "vtt", "00:00:01.000 --> 00:00:02.500"),
        crawled_row(whole, "test-2", 330, "srt", "00:00:01,000 --> 00:00:02,500"),
    ]
    crawled_projects._write(whole, rows)
    folder = crawled_projects.enlarged(whole, 6)
    assert folder.name == "crawled-as-6"
    videos = tables.read(folder / paths.VIDEOS, tables.VIDEOS).to_pylist()
    assert [video["split"] for video in videos] == ["test"] * 3 + ["train"] * 3
    media = {video["video_id"]: (folder / paths.MEDIA / video["audio"]) for video in videos}
    assert {name: soundfile.info(path).frames for name, path in media.items()} == {
        "test-2": 48_000, "test-2-copy-1": 45_714, "test-2-copy-2": 50_400,
        "train-1": 48_000, "train-1-copy-1": 45_714, "train-1-copy-2": 50_400,
    }  # fmt: skip
    for video in videos:
        assert video["duration_s"] == round(soundfile.info(media[video["video_id"]]).frames / 16_000, 3)
        for name in ("audio", "captions"):
            content = (folder / paths.MEDIA / video[name]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == video[f"{name}_sha256"]
    texts = {video["video_id"]: (folder / paths.MEDIA / video["captions"]).read_text() for video in videos}
    assert texts["train-1-copy-1"] == "00:00:00.952 --> 00:00:02.380\nGood."
    assert texts["test-2-copy-2"] == "00:00:01,050 --> 00:00:02,625\nGood."
    assert all(len({video[name] for video in videos}) == 6 for name in ("url", "audio_sha256", "fetched_as"))
    assert (folder / "data/test.csv").read_text().splitlines()[1:] == [
        f"{video['video_id'].partition('-')[2]},{video['url']},,,,," for video in videos[:3]
    ]
    (folder / "kept").touch()
    assert (crawled_projects.enlarged(whole, 6) / "kept").exists(), "a store is made once"


def crawled_row(whole: Path, video_id: str, pitch_hz: float, format_: str, clock: str) -> dict[str, Any]:
    """Write the media of a crawled video of three seconds; return its row."""
    audio, captions = (whole / paths.MEDIA / f"{video_id}.{suffix}" for suffix in ("flac", format_))
    soundfile.write(audio, 0.3 * np.sin(2 * np.pi * pitch_hz * np.arange(48_000) / 16_000), 16_000)
    captions.write_text(f"{clock}\nGood.")
    return {
        "video_id": video_id, "split": video_id.partition("-")[0], "url": f"http://127.0.0.1/{video_id}",
        "duration_s": 3.0, "caption_kind": "manual", "caption_format": format_, "source_id": video_id,
        "audio": audio.name, "audio_sha256": hashlib.sha256(audio.read_bytes()).hexdigest(),
        "captions": captions.name, "captions_sha256": hashlib.sha256(captions.read_bytes()).hexdigest(),
        "fetched_as": hashlib.sha256(video_id.encode()).hexdigest(),
    }  # fmt: skip


def contents(folder: Path) -> dict[str, Any]:
    """What a crawl left: both tables, and a digest of every file."""
    media = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (folder / paths.MEDIA).iterdir()}
    videos = tables.read(folder / paths.VIDEOS, tables.VIDEOS).to_pylist()
    rejected = tables.read(folder / paths.rejected("crawl"), tables.REJECTED).to_pylist()
    return {"media": media, "videos": json.loads(json.dumps(videos)), "rejected": rejected}


@pytest.mark.parametrize(("name", "least"), [("requirements.lock", 50), ("requirements-alone.lock", 1)])
def test_every_peer_has_a_version_and_hashes(name: str, least: int) -> None:
    lock = (ROOT / "bench" / name).read_text(encoding="utf-8")
    lines = lock.replace("\\\n", "").splitlines()
    assert len(lines) >= least
    assert all("==" in line and "--hash=sha256:" in line for line in lines)
