"""The settings that `make lab` and Binder start JupyterLab with: quiet, offline, quick."""

import asyncio
import inspect
import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).resolve().parents[1]


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


def test_lab_overrides_are_read():
    file = ROOT / ".jupyter/labconfig/default_setting_overrides.json"
    plugin = "@jupyterlab/apputils-extension:notification"
    settings = json.loads(file.read_text(encoding="utf-8"))
    assert settings[plugin]["fetchNews"] == "false"
    assert settings[plugin]["checkForUpdates"] is False


@pytest.fixture
def settings():
    """The names of the settings file, run as traitlets runs it."""
    handler = types.ModuleType("jupyter_server.services.kernels.websocket")
    apps = types.SimpleNamespace(LabApp=types.SimpleNamespace(), ServerApp=types.SimpleNamespace())
    names = {"get_config": lambda: apps}
    with mock.patch.dict(sys.modules, {handler.__name__: handler}):  # has no handler to patch
        exec((ROOT / ".jupyter/jupyter_server_config.py").read_text(encoding="utf-8"), names)
    return names


class Socket:
    """What jupyter_server's handler has: a socket that may refuse, a kernel that may be gone."""

    def __init__(self, kernel: str | Exception = "kernel", refuses: type | None = None):
        self.kernel, self.refuses, self.calls = kernel, refuses, []

    def set_nodelay(self, value):
        self.calls.append(value)
        if self.refuses:
            raise self.refuses("no stream")

    def answer(self, name):
        self.calls.append(name)
        if isinstance(self.kernel, Exception):
            raise self.kernel
        return self.kernel


class Plain(Socket):
    def open(self, name):
        return self.answer(name)


class Waiting(Socket):
    async def open(self, name):
        await asyncio.sleep(0)
        return self.answer(name)


class WithoutNodelay(Waiting):
    set_nodelay = None  # not callable, as if there were none


def opened(settings, handler, **socket):
    """(calls, result or exception) of a handler that was patched twice, opened as tornado does."""
    fresh = type(handler.__name__, (handler,), {"open": handler.open})
    settings["send_at_once"](fresh)
    settings["send_at_once"](fresh)
    one = fresh(**socket)

    async def run():
        result = one.open("k")
        return await result if inspect.isawaitable(result) else result

    try:
        return one.calls, asyncio.run(run())
    except Exception as problem:
        return one.calls, problem


@pytest.mark.parametrize("handler", [Plain, Waiting])
def test_open_answers_as_before_and_sends_at_once(settings, handler):
    assert opened(settings, handler) == ([True, "k"], "kernel")
    refused = KeyError("no such kernel")
    assert opened(settings, handler, kernel=refused) == ([True, "k"], refused)


@pytest.mark.parametrize("handler", [Plain, Waiting])
@pytest.mark.parametrize("refuses", [AssertionError, AttributeError, OSError])
def test_a_socket_that_refuses_opens_all_the_same(settings, handler, refuses, caplog):
    assert opened(settings, handler, refuses=refuses) == ([True, "k"], "kernel")
    assert "no stream" in caplog.text


def test_a_server_without_the_setting_opens_all_the_same(settings, caplog):
    assert opened(settings, WithoutNodelay) == (["k"], "kernel")
    assert "lag" in caplog.text


def test_a_server_without_the_handler_starts_all_the_same(settings, capsys):
    """The fixture has run the file where there is nothing to patch."""
    assert callable(settings["send_at_once"])


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
