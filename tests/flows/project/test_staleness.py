"""An edit makes exactly those stages outdated whose results it can change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[3]
PARAMS: dict[str, Any] = {
    "corpora": {"acted": {"reader": "ravdess", "path": "acted"}, "talk": {"reader": "meld", "path": "talk"}},
    "features": {
        "acted-voice": {"corpus": "acted", "extractor": "functionals"},
        "talk-words": {"corpus": "talk", "extractor": "text"},
        "talk-meaning": {"corpus": "talk", "extractor": "text-embedding", "settings": {"checkpoint": "weights"}},
    },
    "experiments": {
        "voice": {"corpus": "acted", "features": ["acted-voice"], "model": {"name": "logistic"}},
        "words": {"corpus": "talk", "features": ["talk-words"], "model": {"name": "tf-idf"}},
        "both": {
            "corpus": "talk",
            "features": ["talk-words", "talk-meaning"],
            "model": {
                "name": "stacking",
                "base": {"talk-words": {"name": "tf-idf"}, "talk-meaning": {"name": "logistic"}},
            },
        },
    },
}
EXPERIMENTS = {"experiment@voice", "experiment@words", "experiment@both", "experiment@interviews-source"}
PAGES = {name.replace("experiment", "page") for name in EXPERIMENTS}


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, env=environment(folder)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with a copy of the code and placeholders as outputs, so that every stage is current."""
    folder = tmp_path_factory.mktemp("staleness") / "project"
    shutil.copytree(ROOT / "tasks", folder / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    for name in ("checkpoint", "experiment", "listeners", "rated", "robustness", "voters"):
        shutil.copytree(ROOT / "data" / name, folder / "data" / name, ignore=shutil.ignore_patterns("*/"))
    yaml = YAML()
    yaml.preserve_quotes = True
    params = yaml.load(ROOT / "params.yaml")
    for section, entries in PARAMS.items():
        params[section] |= entries
    for name in PARAMS["experiments"]:
        params["experiments"][name] |= {"target": "emotion", "protocol": "random(2)"}
    yaml.dump(params, folder / "params.yaml")
    for split in ("train", "test"):
        (folder / "data" / f"{split}.csv").write_text("URL\n")
    for name in ("acted", "talk", "weights"):
        (folder / name).mkdir()
        (folder / name / "file").write_text(name)
    run(folder, "dvc", "init", "--no-scm", "--quiet")
    # the list of checkpoints is filled in by the first run
    run(folder, "tasks", "code")
    script = """
from pathlib import Path
from dvc.repo import Repo
for stage in Repo().index.stages:
    for out in stage.outs:
        path = Path(out.fs_path)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}" if path.suffix == ".json" else "x")
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (fingerprint,) = (folder / "data/checkpoint").glob("*/fingerprint.json")
    fingerprint.write_text(json.dumps({"sha256": "old"}))
    run(folder, "tasks", "code")
    run(folder, "dvc", "commit", "--force", "--quiet")
    return folder


@pytest.fixture
def project(recorded: Path) -> Iterator[Path]:
    """Yield the recorded project; undo edits afterwards."""
    # DVC compares modification times first
    kept = {path: path.read_bytes() for path in recorded.rglob("*") if path.is_file() and ".dvc" not in path.parts}
    yield recorded
    for path in [path for path in recorded.rglob("*") if path.is_file() and ".dvc" not in path.parts]:
        if path not in kept:
            path.unlink()
        elif path.read_bytes() != kept[path]:
            path.write_bytes(kept[path])


def stale(folder: Path) -> set[str]:
    """Digest the code as the stage `code` does, then ask DVC for the stages that are not current, in one process."""
    script = """
import json
from dvc.repo import Repo
from tasks.__main__ import main
assert main(["code"]) == 0
print(json.dumps(sorted(Repo().status())))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, env=environment(folder)
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1])) - {"code"}


@contextmanager
def edited(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    text = path.read_text()
    assert change(text) != text, path
    path.write_text(change(text))
    yield


def appended(code: str) -> Callable[[str], str]:
    return lambda text: text + code


def test_every_stage_is_current_at_first(project: Path) -> None:
    assert stale(project) == set()


@pytest.mark.parametrize(
    ("module", "change", "expected"),
    [
        ("pages/weak/funnel.py", appended('\nWORDING = "new"\n'), {"report"}),
        ("pages/weak/templates/report.html", appended("<p>new</p>"), {"report"}),
        ("pages/experiment/charts.py", appended('\nWORDING = "new"\n'), PAGES | {"report"}),
        ("pages/leaderboard/published_scores.py", appended("\nSCORE = 0.5\n"), {"leaderboard"} | PAGES),
        (
            "pages/leaderboard/published_scores.yaml",
            lambda text: text.replace("0.313", "0.314"),
            {"leaderboard"} | PAGES,
        ),
        ("experiments/recipe_book/meld-text-audio.yaml", lambda text: text.replace("0.481", "0.482"), PAGES),
        ("models/tf_idf.py", appended("\nN = 1\n"), {"experiment@words", "experiment@both"}),
        ("models/stacking.py", appended("\nN = 1\n"), {"experiment@both"}),
        ("corpora/readers/ravdess.py", appended("\nN = 1\n"), {"corpus@acted"}),
        (
            "features/sound/functionals.py",
            appended("\nN = 1\n"),
            {"extract@acted-voice", "extract@interviews-mid-term"},
        ),
        ("leaks/text.py", appended("\nN = 1\n"), {"audit"} | EXPERIMENTS),
        ("labelling/voters/vader.py", appended("\nN = 1\n"), {"polarity", "labels"}),
        ("labelling/voters/tags.py", appended("\nN = 1\n"), set()),
        ("core/progress_log.py", appended("\nN = 1\n"), set()),
        ("core/tables.py", appended("\n# a comment\n"), set()),
        ("stages/audit.py", lambda text: '"""Other words."""\n' + text.split('"""', 2)[2], set()),
    ],
)
def test_an_edit_makes_only_these_stages_outdated(
    project: Path, module: str, change: Callable[[str], str], expected: set[str]
) -> None:
    with edited(project / "tasks" / module, change):
        assert stale(project) == expected


@pytest.mark.parametrize(
    ("module", "like"),
    [("models/other.py", "models/tf_idf.py"), ("corpora/readers/other.py", "corpora/readers/tess.py"),
     ("labelling/voters/other.py", "labelling/voters/tags.py")],
)  # fmt: skip
def test_a_new_plugin_makes_nothing_outdated(project: Path, module: str, like: str) -> None:
    text = (project / "tasks" / like).read_text()
    (project / "tasks" / module).write_text(text.replace('"tf-idf"', '"other"').replace('"tess"', '"other"'))
    assert stale(project) == set()


def test_a_new_feature_set_makes_only_itself_and_the_leaderboard_outdated(project: Path) -> None:
    yaml = YAML()
    yaml.preserve_quotes = True
    params = yaml.load(project / "params.yaml")
    params["features"]["acted-mel"] = {"corpus": "acted", "extractor": "log-mel"}
    yaml.dump(params, project / "params.yaml")
    # the leaderboard marks results that do not match the entries of params.yaml
    assert stale(project) == {"extract@acted-mel", "leaderboard"}


def test_overwritten_weights_make_their_readers_outdated(project: Path) -> None:
    (project / "weights" / "file").write_text("other weights")
    assert stale(project) == {"checkpoint@weights"}
    # what the stage `checkpoint` then writes
    (project / "data/checkpoint/weights/fingerprint.json").write_text(json.dumps({"sha256": "new"}))
    assert stale(project) - {"checkpoint@weights"} == {"extract@talk-meaning"}


def test_scores_on_altered_sound_make_the_page_alone_outdated(project: Path) -> None:
    (project / "data/robustness/voice").mkdir()
    (project / "data/robustness/voice/robustness.json").write_text("{}")
    # besides `code`, which `stale` leaves out
    assert stale(project) == {"page@voice"}


def test_other_labels_make_no_features_of_interviews_outdated(project: Path) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("min_score: 0.25", "min_score: 0.1"))
    assert {"polarity", "labels"} <= stale(project)
    # what the stages up to the corpus then write
    for table in ("polarity/votes", "interviews/utterances", "corpus/interviews/utterances"):
        (project / "data" / f"{table}.parquet").write_text("other labels")
    outdated = stale(project)
    assert {"interviews", "corpus@interviews"} <= outdated
    assert not [stage for stage in outdated if stage.startswith("extract@")]
    (project / "data/corpus/interviews/unlabelled.parquet").write_text("other utterances")
    assert "extract@interviews-mid-term" in stale(project)
