"""Deliberate faults: `python -m tools.mutants [NUMBER_OR_MODULE ...] [--browser] [--jobs 2]`.

mutants.toml lists them. Each goes into a fresh copy of the tracked files, and a test has to fail
that passes without it: in the files that speak of the module most, in others, or with shape checks.
"""

import argparse
import gc
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

ROOT, LIST = Path(__file__).parents[1], Path(__file__).with_suffix(".toml")
PLAIN, BROWSER = ("-m", "not browser and not every_graph"), ("-m", "browser and not long")
CHECKED = ("-m", "not bad_input and not unchecked and not browser")
CHECKED += ("--jaxtyping-packages=posenc_lib,tests.typechecker.typechecker",)


def rounds(mutant: dict) -> list[tuple[tuple[str, ...], list[str]]]:
    """The options and the paths for pytest, round by round."""
    if mutant.get("browser"):
        return [(BROWSER, ["tests/browser/test_page_numbers.py"]), (BROWSER, ["tests/browser"])]
    likely = [mutant["file"], *mutant.get("tests", "").split(), *speaking_of(ROOT / mutant["file"])]
    likely.append("tests/parity/test_parity.py")
    others = [*map("--ignore={}".format, likely), "posenc_lib", "tests"]
    return [(PLAIN, likely), (PLAIN, others), (CHECKED, ["posenc_lib", "tests"])]


def speaking_of(file: Path) -> list[str]:
    """Five test files with its names in them: those that share a name with the fewest others."""
    names = {file.stem, *re.findall(r"^(?:def|class) ([a-zA-Z]\w+)", file.read_text("utf-8"), re.M)}
    tests = sorted(ROOT.glob("tests/**/test_*.py"))
    found = [names & {*re.findall(r"\w+", path.read_text("utf-8"))} for path in tests]
    score = [sum(1 / sum(name in other for other in found) for name in own) for own in found]
    best = sorted(zip(score, tests, strict=True), reverse=True)[:5]
    return [str(path.relative_to(ROOT)) for points, path in best if points]


def attempt(job: tuple[int, dict | None, tuple[str, ...], list[str]]) -> tuple:
    """What fails and what passes in a copy with the fault, or with none; needs its own process."""
    number, mutant, options, paths = job
    multiprocessing.current_process()._config["daemon"] = False  # tests start processes too
    failed: dict[str, bool] = {}

    class Noted:  # a pytest plugin
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            failed[report.nodeid] = report.failed or failed.get(report.nodeid, False)

        pytest_collectreport = pytest_runtest_logreport

    with tempfile.TemporaryDirectory() as folder:
        copy = f"git ls-files -z | xargs -0 tar c | tar x -C {folder}"
        subprocess.run(copy, shell=True, check=True, cwd=ROOT)
        if mutant:
            path = Path(folder) / mutant["file"]
            path.write_text(path.read_text("utf-8").replace(mutant["old"], mutant["new"]), "utf-8")
        os.chdir(folder)
        sys.path[0] = folder
        for name in [n for n in sys.modules if n.split(".")[0] in ("tests", "tools", "posenc_lib")]:
            del sys.modules[name]
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it never ends"))
        signal.alarm(900)
        usual = ("-q", "--doctest-modules", "-p", "no:cacheprovider", *(["-x"] if mutant else []))
        pytest.main([*usual, *options, *paths], plugins=[Noted()])
    return number, [t for t in failed if failed[t]], {t for t in failed if not failed[t]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wanted", nargs="*", help="numbers or modules; without any, all")
    parser.add_argument("--browser", action="store_true", help="the faults that need Chromium")
    parser.add_argument("--jobs", type=int, default=1, help="faults side by side")
    asked = parser.parse_args()
    every = dict(enumerate(tomllib.loads(LIST.read_text("utf-8"))["mutant"], 1))
    left, caught = {}, {}
    for n, m in every.items():
        if (found := (ROOT / m["file"]).read_text("utf-8").count(m["old"])) != 1:
            parser.error(f"{n}: {m['old']!r} stands {found} times in {m['file']}")
        named = not asked.wanted or {str(n), Path(m["file"]).stem} & {*asked.wanted}
        if named and asked.browser == m.get("browser", False):
            left[n] = m
    for name in ("torch._dynamo", "matplotlib.pyplot", "sklearn", "transformers"):  # for all forks
        __import__(name)
    gc.freeze()
    with multiprocessing.get_context("fork").Pool(asked.jobs, maxtasksperchild=1) as pool:
        for turn in range(3):
            jobs = [(n, m, *r[turn]) for n, m in left.items() if len(r := rounds(m)) > turn]
            for n, failed, _ in pool.imap_unordered(attempt, jobs):
                if failed:
                    m, caught[n] = left.pop(n), (rounds(every[n])[turn][0], failed[0])
                    print(n, m["file"], m["why"], failed[0], sep=" | ", flush=True)
        for options in {how for how, _ in caught.values()}:
            tests = sorted({test for how, test in caught.values() if how == options})
            fine = pool.apply(attempt, [(0, None, options, tests)])[2]
            wrong = [n for n, (how, test) in caught.items() if how == options and test not in fine]
            left |= {n: every[n] | {"why": f"{caught[n][1]} fails without it"} for n in wrong}
    for n, m in left.items():
        print(n, m["file"], m["why"], "SURVIVED", sep=" | ")
    print(f"{len({*caught} - {*left})} caught, {len(left)} survived")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
