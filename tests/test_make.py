"""make works for any path and without a home folder, and says what it cannot do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None or os.name == "nt", reason="no make")


@pytest.fixture
def stand_in(tmp_path):
    """A Python at a path with spaces and foreign letters, which only notes how it is called."""
    folder = tmp_path / "a b é 猫"
    folder.mkdir()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\necho "$HOME|$*" >>"{folder}/calls"\n', encoding="utf-8")
    python.chmod(0o755)
    return python


def make(*arguments, cwd=ROOT, **environment):
    outer = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PY", "PYTHON")
    ours = {name: value for name, value in os.environ.items() if name not in outer}
    done = subprocess.run(
        ["make", *arguments], cwd=cwd, env=ours | environment, capture_output=True, text=True,
        encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def calls(python):
    text = python.with_name("calls").read_text(encoding="utf-8")
    return [line.split("|", 1) for line in text.splitlines()]


@pytest.mark.parametrize("through", ["argument", "environment"])
def test_the_path_of_a_python_may_hold_anything(stand_in, through):
    given = {"PY": str(stand_in)}
    arguments = [f"PY={stand_in}"] if through == "argument" else []
    code, said = make("test", *arguments, **({} if arguments else given))
    assert code == 0, said
    made = [call for _, call in calls(stand_in)]
    assert made[0] == "-m ruff check --no-cache ."
    assert sum(call.startswith("-m pytest") for call in made) == 4


def test_the_folder_may_be_called_anything(stand_in):
    there = stand_in.with_name("project ü")
    there.mkdir()
    shutil.copy(ROOT / "Makefile", there)
    code, said = make("lab", f"PY={stand_in}", cwd=there)
    assert code == 0, said
    ((_, call),) = calls(stand_in)
    assert f"--ServerApp.root_dir={there}" in call


@pytest.mark.parametrize("home", ["/no/such/folder", ""])
def test_without_a_home_another_one_stands_in(stand_in, home):
    code, said = make("test-lint", f"PY={stand_in}", HOME=home)
    assert code == 0, said
    assert "stands in for it" in said
    (used,) = {used for used, _ in calls(stand_in)}
    assert os.access(used, os.W_OK)
    shutil.rmtree(used)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write it all")
def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path):
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    tmp_path.chmod(0o555)
    code, said = make("lab", cwd=tmp_path)
    assert code and "cannot be written" in said and "PY=/path/to/python" in said
