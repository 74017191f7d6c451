"""The set-up files agree with each other."""

import ast
import os
import re
import stat
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUN_TIME, TEST = "requirements.txt", "tests/requirements.txt"
RANGES = {
    RUN_TIME: [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["notebooks"],
        *PROJECT["project"]["optional-dependencies"]["experiments"],
    ],
    TEST: PROJECT["project"]["optional-dependencies"]["test"],
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


def third_party_imports(source: str) -> set[str]:
    """The packages that a module imports anywhere, but for our own and the standard ones."""
    tops = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            tops.add(node.module.split(".")[0])
    return tops - {"posenc_lib", "tests", "benchmarks"} - sys.stdlib_module_names


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("posenc_lib", [RUN_TIME]),
        ("tests", [RUN_TIME, TEST]),
        ("benchmarks", [RUN_TIME, TEST]),
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
@pytest.mark.parametrize("script", [".ci/run", "binder/postBuild"])
def test_scripts_can_be_started(script):
    assert (ROOT / script).stat().st_mode & stat.S_IXUSR


# ------------------------------------------------------------------ what JupyterLab is started with


def jupyter(*arguments: str) -> str:
    """The answer of a Jupyter command that reads the settings of `make lab`."""
    environment = {**os.environ, "JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter")}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_lab_starts_quiet_and_offline():
    settings = jupyter("jupyterlab", "--show-config")
    assert "NeverCheckForUpdate" in settings
    assert re.search(r"news_url\s*=\s*None", settings)
    assert re.search(r"extension_manager\s*=\s*'readonly'", settings)
    assert "sliders may lag" not in settings


def test_the_kernel_socket_sends_at_once():
    code = (
        "import asyncio\n"
        f"get_config = lambda: __import__('traitlets.config').config.Config()\n"
        f"exec(open({str(ROOT / '.jupyter/jupyter_server_config.py')!r}).read())\n"
        "from jupyter_server.services.kernels.websocket import KernelWebsocketHandler as Handler\n"
        "class Socket:\n"
        "    calls = []\n"
        "    def set_nodelay(self, value): self.calls.append(value)\n"
        "try: asyncio.run(Handler.open(Socket(), 'kernel'))\n"
        "except Exception: pass\n"
        "print(Socket.calls)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[True]", done.stderr
