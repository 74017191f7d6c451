"""As a Binder serves it: below a user's prefix, at the badge's address, with the image's settings.

`make binder-check` replays how the image is built; here a browser opens what it would serve.
"""

import os
import re
import subprocess
import sys

import pytest

from tests.browser.lab import HOST, ROOT, Lab, lab_arguments, serving, visiting
from tests.browser.reader import InLab
from tools.binder_check import clone

pytestmark = [pytest.mark.browser, pytest.mark.long]

PREFIX = "/user/posenc-posenc-a1b2c3d4/"


def badge_path() -> str:
    """Where the README's badge leads to, below the prefix."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [path] = re.findall(r"mybinder\.org/v2/gh/\S*\?urlpath=([^)&\s]+)", readme)
    return path


@pytest.fixture
def image(tmp_path):
    """What the image serves: what git would clone, with the settings that postBuild installs."""
    home, settings = tmp_path / "home", tmp_path / "environment/etc/jupyter"
    home.mkdir()
    clone(home)
    lines = (home / "binder/postBuild").read_text(encoding="utf-8").splitlines()
    steps = [line for line in lines if '"$settings' in line]
    assert len(steps) >= 3, "binder/postBuild installs no settings"
    place = os.environ | {"settings": str(settings)}
    subprocess.run(["sh", "-euc", "\n".join(steps)], cwd=home, env=place, check=True)
    arguments, url, token = lab_arguments(PREFIX)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.base_url={PREFIX}"]
    command += [f"--ip={HOST}", "--allow-root", *arguments]
    lab = Lab(url, token, home / "notebooks")
    with serving(command, tmp_path, lab, JUPYTER_CONFIG_PATH=str(settings)) as served:
        yield served


def test_the_badge_opens_a_notebook_whose_panel_moves(image, browser):
    path = badge_path()
    name = path.removeprefix("lab/tree/notebooks/")
    address = f"{image.url}/{path}?token={image.token}"
    with visiting(browser, image, name, address) as visit:
        visit.run_all()
        assert visit.page.url.startswith(f"{image.url}/lab")
        assert visit.not_run() == []
        panels = [InLab(visit, cell) for cell in visit.panel_cells()]
        assert panels
        for panel in panels:
            before = panel.seen["panes"]
            assert not next(iter(panel.controls.values())).change()["message"]
            assert panel.seen["panes"] != before
        notices = visit.page.evaluate(
            "async (base) => (await (await fetch(base + 'lab/api/settings/' +"
            " '@jupyterlab/apputils-extension:notification')).json()).schema.properties",
            PREFIX,
        )
        assert notices["fetchNews"]["default"] == "false"
        assert notices["checkForUpdates"]["default"] is False
        visit.check()
