"""The three lists of requirements agree, and the set-up has what the README promises."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"pytorch": "torch", "playwright-python": "playwright"}
IMPORT_NAMES = {"PIL": "pillow", "IPython": "ipython", "matplotlib_inline": "matplotlib-inline"}


def requirements(lines):
    """Map each package to its version limits: ["numpy>=1.26"] -> {"numpy": ">=1.26"}."""
    return dict(re.match(r"([\w.-]+)(.*)", line).groups() for line in lines)


def from_pip():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return requirements(line for line in lines if line and not line.startswith("#"))


def from_conda():
    text = (ROOT / "environment.yml").read_text()
    found = requirements(re.findall(r"^  - ([\w.-]+[<>=][^#\s]*)$", text, re.MULTILINE))
    del found["python"]
    return {CONDA_NAMES.get(name, name): limits for name, limits in found.items()}


def project():
    tomllib = pytest.importorskip("tomllib")  # part of Python from 3.11 on
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def imported_packages():
    """Top-level packages that any module of nst_utils imports, also inside functions."""
    names = set()
    for path in (ROOT / "nst_utils").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"nst_utils"}


def test_pip_conda_and_pyproject_ask_for_the_same():
    declared = project()
    both = declared["dependencies"] + declared["optional-dependencies"]["dev"]
    assert from_pip() == from_conda() == requirements(both)


def test_torch_and_torchvision_are_free_to_match_each_other():
    assert all(re.fullmatch(r">=[\d.]+", from_pip()[name]) for name in ("torch", "torchvision"))


def test_every_import_is_declared():
    declared = requirements(project()["dependencies"])
    imported = {IMPORT_NAMES.get(name, name) for name in imported_packages()}
    assert "torch" in imported
    assert imported <= declared.keys()


def test_every_folder_of_the_package_is_installed():
    tomllib = pytest.importorskip("tomllib")
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    folders = {path.parent for path in (ROOT / "nst_utils").rglob("*.py")}
    names = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert names == set(tools["setuptools"]["packages"])


def test_makefile_has_the_promised_targets():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"lab", "test", "demo", "bench", "clean"} <= set(targets)


def test_ci_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert script.read_text().splitlines()[-1] == "make test"
    assert script.stat().st_mode & 0o100, ".ci/run must be executable"
