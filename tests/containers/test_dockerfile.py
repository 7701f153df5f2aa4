"""The Dockerfile: it copies files that exist, no compiler is in the image, and its user is not root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers import dockerfile

ROOT = Path(__file__).resolve().parents[2]
STAGES = dockerfile.read((ROOT / "Dockerfile").read_text(encoding="utf-8"))
PATTERNS = dockerfile.ignore_patterns((ROOT / ".dockerignore").read_text(encoding="utf-8"))


def copied() -> set[str]:
    """Return the files of the checkout that COPY takes."""
    paths = set()
    for stage in STAGES:
        for instruction in stage.of("COPY"):
            words = instruction.words()
            if words[0].startswith("--from="):
                assert words[0].removeprefix("--from=") in {other.name for other in STAGES}
                continue
            for source in words[:-1]:
                files = dockerfile.context_files(ROOT, source, PATTERNS)
                assert files, f"line {instruction.line}: {source} does not exist, or .dockerignore leaves it out"
                paths |= {path.as_posix() for path in files}
    return paths


def listed(*options: str) -> set[str]:
    """Return files as git lists them."""
    done = subprocess.run(["git", "ls-files", *options], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def test_it_copies_all_code_and_nothing_that_git_ignores() -> None:
    paths = copied()
    assert {path for path in listed() if path.startswith(("tasks/", "flows/"))} <= paths
    assert paths <= listed() | listed("--others", "--exclude-standard"), "no outputs, caches or secrets"


def test_what_setup_py_ships_is_copied() -> None:
    # the build of the wheel fails if a pattern matches nothing
    shipped = [line.strip(' ",') for line in (ROOT / "setup.py").read_text().partition("SHIPPED = (")[2].split("\n")]
    paths = copied()
    for pattern in shipped[1 : shipped.index(")")]:
        matches = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}
        assert matches & paths, pattern


def test_packages_are_installed_by_hash_and_compilers_stay_behind() -> None:
    build, image = STAGES
    installs = [run.text for run in build.of("RUN") if "pip install" in run.text]
    assert all("--require-hashes" in text for text in installs[:-1])
    assert "--no-deps" in installs[-1] and installs[-1].endswith("pip uninstall -y wheel pip")
    final = " ".join(run.text for run in image.of("RUN"))
    assert "g++" in " ".join(run.text for run in build.of("RUN"))
    assert not {"gcc", "g++", "build-essential", "make", "pip"} & set(final.split())


def test_the_image_runs_the_command_as_a_user_of_its_own() -> None:
    image = STAGES[-1]
    names = [instruction.name for instruction in image.instructions]
    assert image.of("USER")[-1].text == "undertone"
    assert names.index("USER") > max(number for number, name in enumerate(names) if name in ("RUN", "COPY"))
    assert image.of("ENTRYPOINT")[0].words() == ["undertone"]
    assert image.of("VOLUME")[0].words() == [image.of("WORKDIR")[0].text] == ["/project"]
    assert dockerfile.health_command(image.of("HEALTHCHECK")[0])[0] == "undertone"
    version = dockerfile.pairs(image.of("LABEL")[0])["org.opencontainers.image.version"]
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "is_ignored"),
    [("secrets/auth_string", True), ("data/crawl/media/a.flac", True), ("data/train.csv", False), ("tasks/a.py", False),
     ("tasks/a/__pycache__/b.pyc", True), (".git/config", True), ("tests/test_x.py", True), (".dvc/config", True)],
)  # fmt: skip
def test_the_build_context_is_a_list_of_what_may_be_in_it(path: str, is_ignored: bool) -> None:
    assert dockerfile.ignored(path, PATTERNS) is is_ignored


def test_instructions_are_read() -> None:
    text = (
        '# c\nFROM a AS one\nRUN x \\\n# within\n && y\n\nFROM b\nENV A=1 \\\n  B="two words"\nCOPY --from=one /a /b\n'
    )
    one, two = dockerfile.read(text)
    assert (one.base, one.name, one.instructions[0].text, one.instructions[0].line) == ("a", "one", "x && y", 3)
    assert (two.base, dockerfile.pairs(two.of("ENV")[0])) == ("b", {"A": "1", "B": "two words"})
    assert dockerfile.substituted("$A/${B}", {"A": "1", "B": "2"}) == "1/2"
    with pytest.raises(dockerfile.DockerfileError, match="line 2: ADD"):
        dockerfile.read("FROM a\nADD x y\n")


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("debootstrap") is None or sys.version_info[:2] != (3, 12),
    reason="needs root, debootstrap and Python 3.12",
)
def test_its_steps_succeed_in_an_empty_debian(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.containers.dockerfile_steps", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("undertone ")
