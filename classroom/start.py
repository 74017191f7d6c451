"""A student's server starts here, as the student: notebooks, limits, then JupyterLab.

It runs with the rights of the student, never of the hub, so it can write nowhere that the student
cannot. `start.py --copy` copies alone, for a hub that starts its servers in another way.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

NAME = "posenc"


def copy_once(source: Path, target: Path) -> list[str]:
    """Copy every file that is not there yet; a file that is there stays, whatever it holds.

    A copy appears whole or not at all: it is written beside its place and then linked into it,
    which fails where something stands. Returns what could not be copied, in words.

    >>> with tempfile.TemporaryDirectory() as work:
    ...     given, home = Path(work, "given"), Path(work, "home")
    ...     given.mkdir(), home.mkdir()
    ...     _ = (given / "a.ipynb").write_text("as handed out"), (given / "b.ipynb").write_text("b")
    ...     _ = (home / "a.ipynb").write_text("an hour of work")
    ...     copy_once(given, home), (home / "a.ipynb").read_text(), (home / "b.ipynb").read_text()
    (None, None)
    ([], 'an hour of work', 'b')
    """
    problems = []
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        place = target / inside
        if not path.is_file() or any(part.startswith(".") for part in inside.parts):
            continue
        try:
            if not os.path.lexists(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                _appear(path, place)
        except OSError as problem:
            problems.append(f"{inside}: {problem.strerror or problem}")
    return problems


def _appear(path: Path, place: Path) -> None:
    handle, name = tempfile.mkstemp(prefix=".coming-", dir=place.parent)
    os.close(handle)
    try:
        shutil.copyfile(path, name)
        os.chmod(name, 0o644)
        with contextlib.suppress(FileExistsError):
            os.link(name, place)
    finally:
        os.unlink(name)


def limit() -> None:
    """What one process may ask of itself: memory, threads, and to go behind the hub.

    MEM_LIMIT and CPU_LIMIT come from the hub. They hold for each process, so for the server and
    for every kernel alone, not for their sum.
    """
    import resource  # not on Windows, where no hub runs

    if most := int(os.environ.get("MEM_LIMIT") or 0):
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    threads = str(max(1, int(float(os.environ.get("CPU_LIMIT") or 1))))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = threads
    os.nice(5)  # whatever a class computes, the hub and its proxy answer first
    with contextlib.suppress(OSError):  # and where memory ends, a kernel goes before the hub does
        Path("/proc/self/oom_score_adj").write_text("500")


def main() -> None:
    home = Path.home()
    home.mkdir(exist_ok=True)
    os.chdir(home)
    # A start with a full home must find nothing left to write. Jupyter notes that it has looked for
    # settings of an old edition; without that note it would write one, and end where it cannot.
    with contextlib.suppress(OSError):
        (home / ".jupyter").mkdir(exist_ok=True)
        (home / ".jupyter" / "migrated").touch()
    for problem in copy_once(Path(os.environ["POSENC_CLASS_NOTEBOOKS"]), home / NAME):
        print(f"posenc: not copied to {home / NAME}: {problem}", file=sys.stderr)
    if sys.argv[1:] == ["--copy"]:
        return
    limit()
    # With a full home the server has to start all the same: its own small files lie elsewhere.
    os.environ["JUPYTER_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="posenc-server-")
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])


if __name__ == "__main__":
    main()
