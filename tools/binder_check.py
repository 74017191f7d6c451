"""Replay the Binder recipe where no Docker is: `python tools/binder_check.py [--keep]`.

Run as a file, it needs nothing but repo2docker, which writes the Dockerfile that a Binder would
build. Its last part, which installs this repository, is run here step by step: on a fresh copy of
what git would clone, as a user without rights, in a virtual environment that stands in for the
image's conda environment. Then the result has to prove itself.

Not run here: the image itself, Binder's hub, and the download of torch's CPU build, for which the
same pinned torch stands in, installed beforehand by plain pip.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_PAGE = "notebooks/00_start_here.ipynb"
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
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
    environment: Path

    def start(self, command: tuple, out: object, cwd: Path = Path("/")) -> subprocess.Popen:
        passed = {name: value for name, value in os.environ.items() if PASSED_ON.search(name)}
        passed |= {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        passed |= dict.fromkeys(("HOME", "REPO_DIR"), str(self.home))
        passed |= dict.fromkeys(("KERNEL_PYTHON_PREFIX", "NB_PYTHON_PREFIX"), str(self.environment))
        passed["TMPDIR"] = f"{self.home}/.tmp"
        passed["PATH"] = f"{self.environment}/bin:/usr/local/bin:/usr/bin:/bin"
        streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=cwd, env=passed, text=True, **streams, **NOBODY)

    def run(self, *command: str | Path, cwd: Path = Path("/")) -> str:
        process = self.start(command, subprocess.PIPE, cwd)
        try:
            said, _ = process.communicate(timeout=900)
        finally:
            process.kill()
        if process.returncode:
            raise Failed(f"{' '.join(map(str, command))}\n{said[-3000:]}")
        return said


def clone(destination: Path) -> None:
    """Copy what git would carry: tracked files and new ones that it does not ignore."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others"]
    listed = subprocess.check_output([*command, "--exclude-standard"], text=True)
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, destination / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def assemble_steps(repository: Path) -> list[str]:
    """The RUN commands that install the repository, after the comment that announces them."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "--user-id=1000"]
    command += ["--user-name=jovyan", str(repository)]
    done = subprocess.run(command, capture_output=True, text=True)
    tail = (done.stdout + done.stderr).partition("# Run assemble scripts")[2]
    steps = re.findall(r"^RUN +(.+)$", re.sub(r"\\\n", " ", tail), flags=re.MULTILINE)
    if done.returncode or not any("postBuild" in step for step in steps):
        raise Failed(f"no Dockerfile that runs binder/postBuild: {done.stderr[-3000:]}")
    return steps


def image_packages(python: str) -> list[str]:
    """Pins of ALREADY_THERE from the list that this repo2docker puts into the image."""
    lock = f"environment.py-{python}-linux-64.lock"
    files = metadata.files("jupyter-repo2docker") or []
    text = "".join(file.read_text() for file in files if file.name == lock)
    found = {name: re.search(rf"/{name}-(\d[\w.]*)-", text) for name in ALREADY_THERE}
    if None in found.values():
        raise Failed(f"repo2docker's list for Python {python} has changed or is gone: {found}")
    return [f"{name.removesuffix('-base')}=={match[1]}" for name, match in found.items()]


def pinned(package: str) -> str:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    if found := re.search(rf"^{package}==(\S+)", text, flags=re.MULTILINE):
        return found[1]
    raise Failed(f"requirements.txt does not pin {package}")


def make_stand_in(person: Person) -> None:
    """A virtual environment with the image's own packages and the stand-in for torch."""
    asked = (ROOT / "binder/runtime.txt").read_text(encoding="utf-8").strip()
    if not (match := re.fullmatch(r"python-(3\.\d+)", asked)):
        raise Failed(f"binder/runtime.txt must read python-3.N, but reads {asked!r}")
    there = [*image_packages(match[1]), f"torch=={pinned('torch')}"]
    print(f"   {', '.join(there)}")
    person.run(find_python(match[1], person), "-m", "venv", person.environment)
    python = person.environment / "bin/python"
    person.run(python, "-m", "pip", "install", "-q", "--no-cache-dir", *there)


def find_python(version: str, anyone: Person) -> str:
    """A Python of this version, or else a newer one, that the ordinary user can read and run."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/local/bin"])
    folders = [Path(sys.base_prefix, "bin"), *map(Path, path.split(os.pathsep))]
    usable: dict[str, str] = {}
    for python in [f / name for name in (f"python{version}", "python3") for f in folders]:
        with suppress(Failed, OSError):
            number = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
            usable.setdefault(anyone.run(python, "-c", number).strip(), str(python))
    for found in (version, *usable):
        if found in usable and tuple(map(int, found.split("."))) >= (3, 11):
            print(f"   Python {found} for {version}")
            return usable[found]
    raise Failed(f"no Python {version} for an ordinary user (on Debian: install python3-venv)")


def prove(person: Person, before: set[str]) -> None:
    python, jupyter = (person.environment / "bin" / name for name in ("python", "jupyter"))
    print("   posenc_lib is found from anywhere")
    person.run(python, "-c", "import posenc_lib")
    print("   JupyterLab is the pinned one, and no two packages disagree")
    version = person.run(jupyter, "lab", "--version").strip()
    if version.splitlines()[-1] != pinned("jupyterlab"):
        raise Failed(f"jupyter lab --version says {version!r}")
    person.run(python, "-m", "pip", "check")
    print("   nothing of CUDA came with it")
    cuda = {name for name in installed(person) - before if "nvidia" in name}
    if cuda or "--torch-backend=cpu" not in (ROOT / "binder/install-torch-cpu").read_text():
        raise Failed(f"the recipe does not ask for the CPU build of torch: {sorted(cuda)}")
    print("   the quiet settings are installed for everyone")
    # from the environment, not from the repository: where that lies is the hub's choice
    show = ("env", f"JUPYTER_CONFIG_DIR={person.home}/.none", jupyter, "lab", "--show-config")
    if "NeverCheckForUpdate" not in (settings := person.run(*show)):
        raise Failed(f"JupyterLab does not read our settings:\n{settings[-1500:]}")
    print("   the start page runs")
    person.run(jupyter, "execute", "--timeout=120", START_PAGE, cwd=person.home)
    print("   the image's start command serves the start page in JupyterLab")
    serves_start_page(jupyter, person)


def installed(person: Person) -> set[str]:
    python = person.environment / "bin/python"
    listed = person.run(python, "-m", "pip", "list", "--format=freeze")
    return {line.split("==")[0] for line in listed.splitlines() if "==" in line}


def serves_start_page(jupyter: Path, person: Person) -> None:
    """`jupyter notebook`, as in the Dockerfile's CMD, answers at the badge's address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = (f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=check")
    command = (jupyter, "notebook", "--ip=127.0.0.1", "--no-browser", *options)
    address = f"http://127.0.0.1:{port}/lab/tree/{START_PAGE}?token=check"
    log = person.home.with_name("server.log")
    server = person.start(command, log.open("w"), person.home)
    try:
        for _ in range(200):
            time.sleep(0.3)
            with suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:
                if "jupyter-config-data" in answer.read().decode():
                    return
        raise Failed(f"no JupyterLab at {address}:\n{log.read_text()[-3000:]}")
    finally:
        server.kill()
        server.wait()


def check(work: Path) -> None:
    work.chmod(0o755)
    person = Person(work / "home", work / "conda")  # in the image the repository is the home
    person.environment.mkdir()
    clone(person.home)
    print("1. the Dockerfile")
    steps = assemble_steps(person.home)
    (person.home / ".tmp").mkdir()
    for path in work.rglob("*") if NOBODY else ():
        os.chown(path, NOBODY["user"], NOBODY["group"], follow_symlinks=False)
    print("2. a stand-in for the image's environment")
    make_stand_in(person)
    before = installed(person)
    for step in steps:
        print(f"3. {step}")
        person.run("/bin/sh", "-c", step, cwd=person.home)
    print("4. the proofs")
    prove(person, before)


def main() -> None:
    start, work = time.monotonic(), Path(tempfile.mkdtemp(prefix="posenc-binder-"))
    try:
        check(work)
    except Failed as problem:
        sys.exit(f"binder-check failed in {work}: {problem}")
    finally:
        if "--keep" not in sys.argv:
            shutil.rmtree(work, ignore_errors=True)
    print(f"binder-check passed in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
