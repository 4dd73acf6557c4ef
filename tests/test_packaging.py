"""The package is what its metadata says, installed in place and as a wheel."""

import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import pytest

import verifill

ROOT = Path(__file__).parent.parent
FOLDERS = ("engine", "machines", "venues")
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package is built from, copied, so that no build is left in the tree."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", *FOLDERS):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=skipped)
    return copy


@pytest.fixture(scope="module")
def wheel_names(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The files of a wheel, its kernel not compiled, which would take a minute."""
    out = tmp_path_factory.mktemp("wheel")
    build = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    ran = subprocess.run(
        [sys.executable, *build, "--wheel-dir", out, copy],
        env=os.environ | {"VERIFILL_KERNEL": "0"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (wheel,) = out.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_layer_is_imported_from_its_top_level_folder(folder: str) -> None:
    file = importlib.import_module(f"verifill.{folder}").__file__

    assert file is not None
    assert ROOT / folder / "__init__.py" == Path(file).resolve()


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_link_is_relative_so_that_a_clone_may_lie_anywhere(folder: str) -> None:
    link = ROOT / "src" / "verifill" / folder

    assert Path("../..") / folder == link.readlink()


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(verifill.__path__[0]) / "py.typed").is_file()


def test_the_version_is_the_one_of_the_metadata() -> None:
    assert METADATA["project"]["version"] == importlib.metadata.version("verifill")


def test_the_command_of_the_metadata_can_be_loaded() -> None:
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="verifill")

    assert callable(command.load())


def test_a_wheel_holds_every_module_under_the_one_name(wheel_names: list[str]) -> None:
    top_level = {name.split("/")[0] for name in wheel_names}
    modules = {
        f"verifill/{file.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
    }

    assert {"verifill", f"verifill-{METADATA['project']['version']}.dist-info"} == top_level
    assert modules <= set(wheel_names)


def test_a_wheel_holds_the_type_marker_and_the_licence(wheel_names: list[str]) -> None:
    assert "verifill/py.typed" in wheel_names
    assert any(name.endswith("/licenses/LICENSE") for name in wheel_names)


def test_without_mypyc_the_package_is_built_all_the_same_and_says_so(copy: Path) -> None:
    script = (
        "import runpy, sys; sys.modules['mypyc'] = None; sys.argv = ['setup.py', 'build']; "
        "runpy.run_path('setup.py', run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=copy, check=False, capture_output=True, text=True
    )

    assert 0 == ran.returncode, ran.stderr
    assert "verifill is built without its compiled kernel: " in ran.stderr
    assert list((copy / "build").glob("lib*/verifill/engine/executor.py"))
    assert [] == list((copy / "build").rglob("*.so"))


def test_every_module_that_is_to_be_compiled_is_there() -> None:
    named = re.findall(r'^    "([\w/]+\.py)",$', (ROOT / "setup.py").read_text(), re.MULTILINE)

    assert "engine/executor.py" in named
    assert [] == [module for module in named if not (ROOT / module).is_file()]


def test_every_folder_of_the_core_is_a_package() -> None:
    bare = {
        file.parent.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        if not (file.parent / "__init__.py").exists()
    }

    assert set() == bare


def test_every_pinned_line_is_a_name_and_an_exact_version() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]

    assert pins
    assert [] == [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.+!]+", pin)]


def test_no_lock_file_holds_an_address() -> None:
    locks = [
        file
        for pattern in ("constraints*.txt", "requirements*.txt", "*.lock")
        for file in ROOT.glob(pattern)
    ]

    assert ROOT / "constraints.txt" in locks
    assert [] == [
        lock.name for lock in locks if re.search(r"://|^-", lock.read_text(), re.MULTILINE)
    ]


def test_every_direct_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    groups, project = METADATA["dependency-groups"], METADATA["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *chain(*extras), *groups["test"], *groups["lint"]]
    names = {re.split(r"[\[>=<~!]", line)[0].replace("_", "-") for line in wanted}

    assert set() == names - pinned
