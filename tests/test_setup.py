"""The set-up files agree with each other."""

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import posenc_lib
from tools import wheel_check

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN_TIME, TEST = "requirements.txt", "tests/requirements.txt"
EXTRAS = PROJECT["project"]["optional-dependencies"]
OURS = f"{PROJECT['project']['name']}[experiments]"  # an extra may contain another one
RANGES = {
    RUN_TIME: [
        *PROJECT["project"]["dependencies"],
        *(text for text in EXTRAS["notebooks"] if text != OURS),
        *EXTRAS["experiments"],
    ],
    TEST: EXTRAS["test"],
}


def pins(file: str) -> dict[str, str]:
    """Name to version of every requirement; one that is not pinned exactly is an error."""
    found = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith(("#", "-e ")):
            continue
        name, version = line.split("==")
        found[canonicalize_name(name)] = version
    return found


def not_pinned_within(ranges: list[str], pinned: dict[str, str]) -> list[str]:
    """The requirements that have no pin, or a pin outside their range."""
    required = [Requirement(text) for text in ranges]
    return [
        str(requirement)
        for requirement in required
        if (version := pinned.get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(version)
    ]


@pytest.mark.parametrize("file", [RUN_TIME, TEST])
def test_every_range_holds_its_pin(file):
    assert not_pinned_within(RANGES[file], pins(file)) == []


OURS_ALONE = {"posenc_lib", "tests", "benchmarks", "tools", "classroom"}


def third_party_imports(source: str) -> set[str]:
    """The packages that a module imports anywhere, but for our own and the standard ones."""
    tops = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            tops.add(node.module.split(".")[0])
    return tops - OURS_ALONE - sys.stdlib_module_names


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("posenc_lib", [RUN_TIME]),
        ("tests", [RUN_TIME, TEST]),
        ("benchmarks", [RUN_TIME, TEST]),
        ("tools", [RUN_TIME, TEST]),
    ],
)
def test_every_import_is_declared(folder, files):
    declared = {
        canonicalize_name(Requirement(text).name) for file in files for text in RANGES[file]
    }
    packages = packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in third_party_imports(path.read_text(encoding="utf-8"))
        if not declared & {canonicalize_name(package) for package in packages.get(name, [name])}
    }
    assert undeclared == set()


def test_what_the_settings_of_jupyterlab_patch_is_pinned():
    assert {"jupyter-server", "tornado"} <= set(pins(RUN_TIME))


def test_the_library_is_installed_last():
    lines = (ROOT / RUN_TIME).read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "-e ."


def test_every_data_file_goes_into_the_package():
    package = ROOT / "posenc_lib"
    data = {
        path
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and path.name[0] != "."
    }
    packed = {
        path
        for glob in PROJECT["tool"]["setuptools"]["package-data"]["posenc_lib"]
        for path in package.glob(glob)
    }
    assert data <= packed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of the package, built by the setuptools that is installed here."""
    pytest.importorskip("setuptools", "77")
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    away = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "posenc_lib", source / "posenc_lib", ignore=away)
    shutil.copytree(ROOT / "tests/tools", source / "tests/tools", ignore=away)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    code = f"from setuptools.build_meta import build_wheel; build_wheel({str(built)!r})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (path,) = built.iterdir()
    return path, source


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel):
    assert wheel_check.wrong_in(*wheel) == set()


def test_a_file_too_few_or_too_many_is_found(wheel, tmp_path):
    path, source = wheel
    changed = tmp_path / path.name
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(changed, "w") as written:
        for name in whole.namelist():
            if not name.endswith("data/co2.csv"):
                written.writestr(name, whole.read(name))
        written.writestr("tests/tools/__init__.py", "")
    wrong = {"posenc_lib/data/co2.csv", "tests/tools/__init__.py"}
    assert wheel_check.wrong_in(changed, source) == wrong


def test_no_registry_is_named():
    """Mirrors must work: packages are asked for by name only."""
    hosts = re.compile(
        r"pypi\.org|pythonhosted|download\.pytorch|registry\.npmjs|deb\.debian", re.I
    )
    files = [ROOT / "Makefile", ROOT / RUN_TIME, ROOT / TEST, ROOT / "pyproject.toml"]
    files += [
        path for folder in ("binder", ".ci", ".github") for path in (ROOT / folder).rglob("*")
    ]
    named = [p.name for p in files if p.is_file() and hosts.search(p.read_text(encoding="utf-8"))]
    assert named == []


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no execute bit")
@pytest.mark.parametrize("script", [".ci/run", ".ci/versions", "binder/postBuild"])
def test_scripts_can_be_started(script):
    assert (ROOT / script).stat().st_mode & stat.S_IXUSR


def test_the_notebooks_extra_is_enough_for_every_notebook_and_panel():
    assert OURS in EXTRAS["notebooks"]


@pytest.mark.parametrize(
    ("missing", "code", "wanted"),
    [
        ("anywidget", "posenc_lib.explorers.sinusoidal_explorer", "notebooks"),
        ("ipywidgets", "posenc_lib.explorers.Panel", "notebooks"),
        ("matplotlib", "posenc_lib.plots.heatmap", "notebooks"),
        ("matplotlib", "posenc_lib.explorers.sinusoidal_explorer().picture()", "notebooks"),
        ("sklearn", "posenc_lib.explorers.shuffle_explorer()", "experiments"),
        ("joblib", "posenc_lib.experiments.side_by_side(list, [])", "experiments"),
        (
            "tqdm",
            "from posenc_lib.experiments.parts import training; training._steps(1, True)",
            "experiments",
        ),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_brings_it(missing, code, wanted):
    """Of plain names, in a fresh interpreter that cannot find the package."""
    script = f"import sys; sys.modules[{missing!r}] = None\nimport posenc_lib\n{code}"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode
    told = f'{missing} is not installed. It comes with the extra "{wanted}"'
    last = done.stderr.strip().splitlines()[-1]
    assert told in last and last.endswith(f'pip install "{PROJECT["project"]["name"]}[{wanted}]"')
    package = {"sklearn": "scikit-learn"}.get(missing, missing)
    assert package in {Requirement(text).name for text in EXTRAS[wanted]}


# ------------------------------------------------------------------- what a reader of the page sees

ADDRESS = re.compile(r"(?:github\.com|mybinder\.org/v2/gh|google\.com/github)/([\w.-]+/[\w-]+)")
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def test_every_link_to_the_repository_is_the_one_of_pyproject():
    files = ["README.md", "CITATION.cff", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md"]
    found = [
        (path.name, address)
        for path in [*(ROOT / file for file in files), *FORMS]
        for address in ADDRESS.findall(path.read_text(encoding="utf-8"))
    ]
    (ours,) = set(ADDRESS.findall(PROJECT["project"]["urls"]["Repository"]))
    assert [(name, address) for name, address in found if address != ours] == []
    assert {"README.md", "CITATION.cff", "config.yml"} <= {name for name, _ in found}


@pytest.mark.parametrize("notebook", re.findall(r"notebooks/[\w.]+?\.ipynb", README))
def test_the_badges_and_links_open_notebooks_that_are_there(notebook):
    assert (ROOT / notebook).is_file()


def test_the_version_is_the_same_everywhere():
    version = PROJECT["project"]["version"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert posenc_lib.__version__ == cited["version"] == version
    assert re.findall(r"^## \[(.+?)\]", changes, re.MULTILINE)[:2] == ["Unreleased", version]


# ---------------------------------------------------------------------------------- the workflows

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def marks(text: str) -> list[str]:
    """Every expression that pytest gets with -m, in their order."""
    return [found[1] for found in re.findall(r"""pytest\b[^#]*?-m\s+(["'])(.+?)\1""", text)]


@pytest.mark.parametrize("file", [".github/workflows/test.yml", ".ci/versions"])
def test_the_same_tests_run_without_make(file):
    """Windows has no Makefile. With the shape checker, `unchecked` tests must fail there too."""
    of_make = marks((ROOT / "Makefile").read_text(encoding="utf-8"))
    library, rest = (mark for mark in of_make if "bad_input" in mark)
    assert "not unchecked" in library
    assert marks((ROOT / file).read_text(encoding="utf-8")) == [library, rest]


@every_workflow
def test_every_action_is_pinned_by_its_commit_and_says_which_version_that_is(path):
    used = re.findall(r"uses:(.*)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r" [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@every_workflow
def test_workflows_may_read_and_only_publishing_may_more(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        allowed = {"contents": "read"}
        if name == "publish":
            allowed = {"id-token": "write"} | ({"pages": "write"} if path.stem == "book" else {})
        assert job.get("permissions", allowed) == allowed, name
        assert job["timeout-minutes"]


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_the_lowest_versions_are_those_of_pyproject(tmp_path):
    """The part of .ci/versions that reads pyproject.toml, in its own words."""
    script = (ROOT / ".ci/versions").read_text(encoding="utf-8")
    code = re.search(r"<<'END'\n(.*?)\nEND\n", script, re.S)[1]
    command = [sys.executable, "-", "lowest"]
    done = subprocess.run(command, input=code, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lowest = dict(line.split("==") for line in done.stdout.splitlines())
    assert (
        not_pinned_within(RANGES[RUN_TIME], {canonicalize_name(n): v for n, v in lowest.items()})
        == []
    )
    assert lowest["numpy"] == "2.0"
