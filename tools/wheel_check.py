"""Build both archives and try the wheel as a stranger would: `python -m tools.wheel_check`.

From a clean copy of the tracked files, in a folder whose name has a space and a letter outside
ASCII: the wheel holds every file of posenc_lib and nothing else; in an empty environment it runs
the examples of the README, and says which extra an explorer needs; with the extra "notebooks" every
explorer opens. Needs nothing but Python, git and a package index.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = "build==1.6.1"

NAMES_THE_EXTRA = """
import posenc_lib
from posenc_lib.experiments.data.digit_images import split_digits
for get in (lambda: posenc_lib.explorers.sinusoidal_explorer, lambda: posenc_lib.plots.heatmap,
            lambda: split_digits("test"),
            lambda: posenc_lib.experiments.side_by_side(list, [])):
    try:
        get()
    except ImportError as error:
        assert 'pip install "posenc-lib[' in str(error), error
        print(f"     {error}")
    else:
        raise SystemExit("an extra is not missed: is it installed?")
"""
EVERYTHING_OPENS = """
from posenc_lib import experiments, explorers, plots
for name in explorers.__all__:
    found = getattr(explorers, name)
    if name.endswith("_explorer"):
        print(f"     {name}: {len(found().picture())} bytes")
[getattr(package, name) for package in (experiments, plots) for name in package.__all__]
"""


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints. It sees no posenc_lib but the one that is installed."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = clean | {"OMP_NUM_THREADS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"wheel-check failed: {' '.join(map(str, command))}\n{done.stdout[-3000:]}")
    return done.stdout


def new_python(folder: Path) -> Path:
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def copy_of_tracked(destination: Path) -> Path:
    listed = run("git", "-c", "core.quotepath=off", "ls-files", "-z", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, destination / name)
    return destination


def wrong_in(wheel: Path, source: Path) -> set[str]:
    """The files that a wheel lacks, or has beyond those of the folder it is built from."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    info = f"{wheel.name.rsplit('-py3', 1)[0]}.dist-info"
    package = [path for path in (source / "posenc_lib").rglob("*") if path.is_file()]
    wanted = {path.relative_to(source).as_posix() for path in package if path.suffix != ".pyc"}
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licences = {file for glob in project["license-files"] for file in source.glob(glob)}
    wanted |= {f"{info}/licenses/{file.relative_to(source).as_posix()}" for file in licences}
    told = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "top_level.txt")}
    return held.symmetric_difference(wanted | told)


def check(work: Path, *, cpu: bool, keep: Path | None) -> None:
    source, outside = copy_of_tracked(work / "source"), work / "elsewhere"
    outside.mkdir()
    print("1. both archives, the wheel out of the other one")
    builder = new_python(work / "builder")
    run(builder, "-m", "pip", "install", "-q", BUILD, cwd=work)
    run(builder, "-m", "build", "-o", work / "dist", source, cwd=work)
    (wheel,) = (work / "dist").glob("*.whl")
    if wrong := wrong_in(wheel, source):
        sys.exit(f"wheel-check failed: missing in {wheel.name}, or too many: {sorted(wrong)}")

    print("2. the wheel alone in an empty environment")
    python = new_python(work / "empty")
    if cpu:
        run("sh", source / "binder/install-torch-cpu", python, cwd=source)
    torch = re.search(r"^torch==\S+", (ROOT / "requirements.txt").read_text(), re.MULTILINE)[0]
    run(python, "-m", "pip", "install", "-q", torch, wheel, cwd=outside)
    readme = (source / "README.md").read_text(encoding="utf-8")
    run(python, "-c", "\n".join(re.findall(r"```python\n(.*?)```", readme, re.S)), cwd=outside)
    print(run(python, "-c", NAMES_THE_EXTRA, cwd=outside), end="")

    print('3. with the extra "notebooks"')
    run(python, "-m", "pip", "install", "-q", f"{wheel}[notebooks]", cwd=outside)
    run(python, "-m", "pip", "check", cwd=outside)
    print(run(python, "-c", EVERYTHING_OPENS, cwd=outside), end="")
    if keep:
        shutil.copytree(work / "dist", keep, dirs_exist_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.wheel_check")
    parser.add_argument("--cpu", action="store_true", help="the CPU-only build of torch")
    parser.add_argument("--keep", type=Path, help="leave both archives in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posenc é ") as work:
        check(Path(work), cpu=options.cpu, keep=options.keep)
    print("wheel-check passed")


if __name__ == "__main__":
    main()
