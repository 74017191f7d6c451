"""Replay the Binder recipe where no Docker is: `python tests/tools/binder_check.py`.

Run as a file, it needs nothing but repo2docker.

repo2docker writes the Dockerfile that a Binder would build. Its last part, which installs this
repository, is run here step by step: on a fresh copy of what git would clone, as a user without
rights, in a virtual environment that stands in for the image's conda environment. Then the result
has to prove itself.

Not run here: the image itself (base system, conda, entry point); the download of torch's CPU
build, for which the same pinned torch stands in, installed beforehand by plain pip; Binder's own
hub and its start command with a token.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_PAGE = "notebooks/00_start_here.ipynb"
ASSEMBLE = "# Run assemble scripts"
NOBODY = 65534
# What the image has before our recipe runs, and what a recipe can break: it is put into the
# stand-in too, at the image's versions.
ALREADY_THERE = ("ipywidgets", "jupyter_server", "jupyterhub-base", "jupyterlab", "notebook")
PASSED_ON = re.compile(r"^(PIP_|UV_)|^(https?|no)_proxy$|^(SSL_CERT|REQUESTS_CA)", re.IGNORECASE)


class Failed(Exception):
    """The recipe lacks something."""


@dataclass(frozen=True)
class Person:
    """Runs commands as an ordinary user, with nothing of our own environment."""

    home: Path
    environment: dict[str, str]

    def run(self, command: list[str], *, cwd: Path, seconds: int = 900) -> str:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
            **_without_rights(),
        )
        if done.returncode:
            raise Failed(f"{' '.join(command)}\n{done.stdout[-3000:]}")
        return done.stdout


def _without_rights() -> dict:
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


# ------------------------------------------------------------------------------- what is built


def clone(destination: Path) -> None:
    """Copy what git would carry: tracked files and new ones that it does not ignore."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, destination / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def dockerfile(repository: Path) -> str:
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug"]
    done = subprocess.run(
        [*command, "--user-id=1000", "--user-name=jovyan", str(repository)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"repo2docker: {done.stderr[-3000:]}")
    return done.stdout + done.stderr


def assemble_steps(recipe: str) -> list[str]:
    """The RUN commands that install the repository, after the comment that announces them."""
    if ASSEMBLE not in recipe:
        raise Failed(f"repo2docker's Dockerfile has no {ASSEMBLE!r}")
    tail = re.sub(r"\\\n", " ", recipe.split(ASSEMBLE, 1)[1])
    steps = re.findall(r"^RUN +(.+)$", tail, flags=re.MULTILINE)
    if not any("postBuild" in step for step in steps):
        raise Failed("the Dockerfile never runs binder/postBuild")
    return steps


def image_python() -> str:
    asked = (ROOT / "binder/runtime.txt").read_text(encoding="utf-8").strip()
    match = re.fullmatch(r"python-(3\.\d+)", asked)
    if not match:
        raise Failed(f"binder/runtime.txt must read python-3.N, but reads {asked!r}")
    return match[1]


def image_packages(python: str) -> list[str]:
    """Pins of ALREADY_THERE from the list that this repo2docker puts into the image."""
    lists = [
        Path(str(file.locate()))
        for file in metadata.files("jupyter-repo2docker") or []
        if file.name == f"environment.py-{python}-linux-64.lock"
    ]
    if not lists:
        raise Failed(f"repo2docker has no environment for Python {python}")
    text = lists[0].read_text(encoding="utf-8")
    found = {name: re.search(rf"/{name}-(\d[\w.]*)-", text) for name in ALREADY_THERE}
    missing = [name for name, match in found.items() if match is None]
    if missing:
        raise Failed(f"the image's package list has changed: no {missing}")
    return [f"{name.removesuffix('-base')}=={match[1]}" for name, match in found.items()]


# --------------------------------------------------------------------------------- where it runs


def find_python(version: str, anyone: Person) -> str:
    """A Python of this version, or else a newer one, that the ordinary user can read and run."""
    names = [f"python{version}", "python3"]
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    paths = [getattr(sys, "_base_executable", sys.executable)]
    paths += [str(Path(folder) / name) for name in names for folder in folders]
    usable: list[tuple[str, str]] = []
    for path in dict.fromkeys(paths):
        if not Path(path).exists():
            continue
        try:
            question = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
            found = anyone.run([path, "-c", question], cwd=Path("/"), seconds=30).strip()
        except (Failed, OSError, subprocess.TimeoutExpired):
            continue
        if found == version:
            return path
        if tuple(map(int, found.split("."))) >= (3, 11):
            usable.append((path, found))
    if usable:
        path, found = usable[0]
        print(f"note: no Python {version} here; Python {found} stands in")
        return path
    raise Failed(
        f"no Python {version} that an ordinary user can run was found "
        "(on Debian: apt-get install python3-venv)"
    )


def make_stand_in(environment: Path, python: str, person: Person) -> None:
    """A virtual environment with the image's own packages and the stand-in for torch."""
    torch = re.search(r"^torch==\S+", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    if not torch:
        raise Failed("requirements.txt does not pin torch")
    person.run([python, "-m", "venv", str(environment)], cwd=Path("/"))
    pip = [str(environment / "bin/python"), "-m", "pip", "install", "-q", "--no-cache-dir"]
    there = image_packages(image_python())
    print(f"   {', '.join(there)}; {torch[0]} for its CPU build")
    person.run([*pip, *there, torch[0]], cwd=Path("/"))


def give_to(person_id: int, paths: Iterable[Path]) -> None:
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, person_id, person_id, follow_symlinks=False)


# ------------------------------------------------------------------------------------ the proofs


def prove(environment: Path, person: Person, packages_before: set[str]) -> None:
    binaries = environment / "bin"
    python, outside = str(binaries / "python"), Path("/")

    print("   posenc_lib is found from anywhere")
    person.run([python, "-c", "import posenc_lib"], cwd=outside)

    print("   JupyterLab is the pinned one, and no two packages disagree")
    wanted = re.search(r"^jupyterlab==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    version = person.run([str(binaries / "jupyter"), "lab", "--version"], cwd=outside).strip()
    if wanted is None or version.splitlines()[-1] != wanted[1]:
        raise Failed(f"jupyter lab --version says {version!r}")
    person.run([python, "-m", "pip", "check"], cwd=outside)

    print("   nothing of CUDA came with it")
    cuda = {name for name in installed(python, person) - packages_before if "nvidia" in name}
    if cuda or "--torch-backend=cpu" not in (ROOT / "binder/install-torch-cpu").read_text():
        raise Failed(f"the recipe does not ask for the CPU build of torch: {sorted(cuda)}")

    print("   the quiet settings are installed for everyone")
    # from the environment, not from the repository: where that lies is the hub's choice
    elsewhere = ["env", f"JUPYTER_CONFIG_DIR={person.home}/.none"]
    show = [*elsewhere, python, "-m", "jupyterlab", "--show-config"]
    settings = person.run(show, cwd=outside)
    if "NeverCheckForUpdate" not in settings:
        raise Failed(f"JupyterLab does not read our settings:\n{settings[-1500:]}")

    page = person.home / START_PAGE
    if page.exists():
        print(f"   {START_PAGE} runs")
        execute = [str(binaries / "jupyter"), "execute", "--timeout=120", str(page)]
        person.run(execute, cwd=page.parent)
    else:
        print(f"   note: {START_PAGE} is not there yet, so it was not run")

    print("   the image's start command serves the start page in JupyterLab")
    serves_start_page(binaries, person)


def installed(python: str, person: Person) -> set[str]:
    listed = person.run([python, "-m", "pip", "list", "--format=freeze"], cwd=Path("/"))
    return {line.split("==")[0] for line in listed.splitlines() if "==" in line}


def serves_start_page(binaries: Path, person: Person) -> None:
    """`jupyter notebook`, as in the Dockerfile's CMD, answers at the badge's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(binaries / "jupyter"), "notebook", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--no-browser", "--ServerApp.port_retries=0", "--IdentityProvider.token=check"]
    log = person.home.parent / "server.log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            command,
            cwd=person.home,
            env=person.environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            **_without_rights(),
        )
    address = f"http://127.0.0.1:{port}/lab/tree/{START_PAGE}?token=check"
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and server.poll() is None:
            try:
                with urllib.request.urlopen(address, timeout=10) as answer:
                    if "jupyter-config-data" in answer.read().decode():
                        return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.3)
        raise Failed(f"no JupyterLab at {address}:\n{log.read_text()[-3000:]}")
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


# ------------------------------------------------------------------------------------------ main


def check(work: Path) -> None:
    work.chmod(0o755)
    home, environment = work / "home", work / "conda"  # in the image the repository is the home
    home.mkdir()
    environment.mkdir()
    person = Person(
        home,
        {
            **{name: value for name, value in os.environ.items() if PASSED_ON.search(name)},
            "HOME": str(home),
            "REPO_DIR": str(home),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "KERNEL_PYTHON_PREFIX": str(environment),
            "NB_PYTHON_PREFIX": str(environment),
            "PATH": f"{environment}/bin:/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": str(home / ".tmp"),
            "OMP_NUM_THREADS": "1",
        },
    )

    print("1. the Dockerfile")
    clone(home)
    steps = assemble_steps(dockerfile(home))
    (home / ".tmp").mkdir()
    give_to(NOBODY, [environment, home, *home.rglob("*")])

    print("2. a stand-in for the image's environment")
    python = find_python(image_python(), person)
    make_stand_in(environment, python, person)
    before = installed(str(environment / "bin/python"), person)

    print("3. the steps")
    for step in steps:
        print(f"   {step}")
        person.run(["/bin/sh", "-c", step], cwd=home)

    print("4. the proofs")
    prove(environment, person, before)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python tests/tools/binder_check.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="posenc-binder-"))
    start = time.monotonic()
    try:
        check(work)
    except Failed as problem:
        print(f"binder-check failed: {problem}", file=sys.stderr)
        return 1
    finally:
        if options.keep:
            print(f"left in {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    print(f"binder-check passed in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
