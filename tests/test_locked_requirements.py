import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests import locked_requirements
from tests.locked_requirements import (
    ROOT,
    LockError,
    Package,
    cpu_torch,
    dependencies,
    name_of,
    read,
    requirements,
    select,
)

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = read((ROOT / "requirements.lock").read_text(encoding="utf-8"))
EXTRAS = sorted(PYPROJECT["project"]["optional-dependencies"])

LOCK = """\
app-kit==1.0 \\
    --hash=sha256:aa
    # via demo (pyproject.toml)
nvidia-cublas==13.0 ; sys_platform == 'linux' \\
    --hash=sha256:bb
    # via
    #   nvidia-cudnn
    #   torch
nvidia-cudnn==9.0 ; sys_platform == 'linux' \\
    --hash=sha256:cc
    # via torch
nvidia-ml-py==13.0 \\
    --hash=sha256:dd
    # via tracker
pip==26.0 \\
    --hash=sha256:ee
    # via demo (pyproject.toml)
sympy==1.0 \\
    --hash=sha256:ff \\
    --hash=sha256:ab
    # via torch
torch==2.0 \\
    --hash=sha256:ac
    # via demo (pyproject.toml)
tracker==1.0 \\
    --hash=sha256:ad
    # via demo (pyproject.toml)
"""
TOML = """\
[project]
name = "demo"
dependencies = ["App_Kit[fast]>=1"]
[project.optional-dependencies]
deep = ["torch==2.0"]
tracking = ["tracker"]
dev = ["demo[deep,tracking]", "pip"]
[tool.undertone.torch-cpu]
"torch-2.0+cpu-cp311-cp311-linux_x86_64.whl" = "1234"
"torch-1.9+cpu-cp311-cp311-linux_x86_64.whl" = "5678"
""".replace("cp311", locked_requirements.TAG)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    (tmp_path / "requirements.lock").write_text(LOCK, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


def names(lines: list[str]) -> list[str]:
    return [line.split("==")[0] for line in lines if "==" in line.split(";")[0]]


def test_every_package_of_the_lock_has_a_version_and_hashes() -> None:
    assert len(PACKAGES) > 200
    for package in PACKAGES:
        assert package.hashes, package.name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in package.hashes), package.name


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_lock_has_a_version_that_pyproject_allows(extra: str) -> None:
    project = PYPROJECT["project"]
    select(PACKAGES, dependencies(project, [extra]), cuda=True)
    for requirement in map(Requirement, [*project["dependencies"], *project["optional-dependencies"][extra]]):
        if name_of(requirement.name) != project["name"]:
            versions = [package.version for package in PACKAGES if package.name == name_of(requirement.name)]
            assert versions, requirement
            assert all(version in requirement.specifier for version in versions), requirement


def test_the_selection_is_complete_for_this_environment() -> None:
    installed = {name_of(package.name): package for package in importlib.metadata.distributions()}
    # the build of torch on PyPI requires NVIDIA's libraries, its CPU build does not
    cuda = "torch" in installed and "+cpu" not in installed["torch"].version
    chosen = {
        package.name for package in select(PACKAGES, dependencies(PYPROJECT["project"], ["deep", "dev"]), cuda=cuda)
    }
    assert len(chosen & set(installed)) > 200
    for name in chosen & set(installed):
        for requirement in map(Requirement, installed[name].requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert name_of(requirement.name) in chosen, f"{name} requires {requirement}"


def test_the_core_needs_neither_torch_nor_the_tools_of_developers() -> None:
    core = {package.name for package in select(PACKAGES, dependencies(PYPROJECT["project"], []), cuda=False)}
    assert {"numpy", "prefect", "yt-dlp"} <= core
    assert core.isdisjoint({"torch", "triton", "mypy", "wandb", "dvc-s3", "distributed"})


def test_torch_is_the_cpu_build_without_the_libraries_of_the_cuda_build(demo: Path) -> None:
    rest = requirements("rest", ["dev"], cuda=False, root=demo)
    assert names(rest) == ["app-kit", "nvidia-ml-py", "pip", "sympy", "tracker"]
    assert requirements("torch", ["dev"], cuda=False, root=demo) == [
        "torch==2.0+cpu ; sys_platform == 'linux' \\",
        "    --hash=sha256:1234",
        "torch==2.0 ; sys_platform != 'linux' \\",
        "    --hash=sha256:ac",
    ]


def test_the_cuda_build_and_its_libraries_come_from_the_lock(demo: Path) -> None:
    assert names(requirements("rest", ["deep"], cuda=True, root=demo)) == [
        "app-kit", "nvidia-cublas", "nvidia-cudnn", "sympy", "torch",
    ]  # fmt: skip
    assert requirements("torch", ["deep"], cuda=True, root=demo) == []


def test_extras_without_torch_need_no_torch(demo: Path) -> None:
    assert requirements("torch", ["tracking"], cuda=False, root=demo) == []
    assert names(requirements("rest", ["tracking"], cuda=False, root=demo)) == ["app-kit", "nvidia-ml-py", "tracker"]
    assert names(requirements("build", [], cuda=False, root=demo)) == ["pip"]


def test_a_new_version_of_torch_needs_digests_of_its_cpu_build() -> None:
    with pytest.raises(LockError, match=r"torch-cpu.*has no file of torch 2\.1\+cpu"):
        cpu_torch(Package("torch", "2.1", ("torch==2.1",), frozenset()), {"torch-2.0+cpu-cp311-x.whl": "1234"}, "cp311")
    with pytest.raises(LockError, match=r"no CPU build of torch 2\.1 for cp319.*TORCH=cuda"):
        cpu_torch(
            Package("torch", "2.1", ("torch==2.1",), frozenset()), {"torch-2.1+cpu-cp311-cp311-x.whl": "1234"}, "cp319"
        )


def test_the_cpu_build_of_the_locked_torch_is_listed_for_each_python() -> None:
    (torch,) = [package for package in PACKAGES if package.name == "torch"]
    wheels = PYPROJECT["tool"]["undertone"]["torch-cpu"]
    for python in ("cp311", "cp312"):
        assert f"torch-{torch.version}+cpu-{python}-{python}-manylinux_2_28_x86_64.whl" in wheels
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in wheels.values())


def test_a_dependency_that_is_not_locked_names_make_lock(demo: Path) -> None:
    (demo / "pyproject.toml").write_text(TOML.replace("App_Kit", "new.kit"), encoding="utf-8")
    with pytest.raises(LockError, match=r"requirements\.lock lacks new-kit\. Run `make lock`"):
        requirements("rest", [], cuda=False, root=demo)


def test_an_unknown_extra_lists_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert locked_requirements.main(["rest", "--extras", "deeep"]) == 2
    assert (
        "no extra 'deeep'; there are asr, cluster, deep, dev, docs, lexicons, reference, remotes, tracking"
        in capsys.readouterr().err
    )


def test_it_runs_before_anything_is_installed() -> None:
    script = [sys.executable, "-I", "-S", str(ROOT / "tests" / "locked_requirements.py"), "build"]
    printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert names(printed.splitlines()) == ["pip", "setuptools", "wheel"]
