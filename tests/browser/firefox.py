"""Firefox without a driver: it speaks WebDriver BiDi over the socket that it opens itself."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from websocket import WebSocket, create_connection  # JupyterLab's server needs it too

PATIENCE_S = 60


def find_firefox() -> str | None:
    """The browser named by POSENC_FIREFOX, or else the first one on the path."""
    names = [os.environ.get("POSENC_FIREFOX") or "firefox-esr", "firefox"]
    return next((path for name in names if (path := shutil.which(name))), None)


def firefox_or_skip() -> str:
    """Its path; without one the test is skipped, and fails where `CI` is set."""
    path = find_firefox()
    if path is None:
        reason = "no Firefox: install firefox-esr, or name one in POSENC_FIREFOX"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return path


class Firefox:
    """One tab."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.numbers = count(1)
        self.ask("session.new", capabilities={})
        tree = self.ask("browsingContext.getTree")
        self.tab = tree["contexts"][0]["context"]

    def ask(self, method: str, **params: Any) -> Any:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            pass
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def open(self, address: str) -> None:
        self.ask("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """A value that JSON can hold."""
        text = f"JSON.stringify({expression})"
        target = {"context": self.tab}
        answer = self.ask("script.evaluate", expression=text, target=target, awaitPromise=False)
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value", "null"))

    def wait_for(self, expression: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not self.evaluate(expression):
            assert time.monotonic() < end, expression
            time.sleep(0.1)

    def settled(self, expression: str) -> Any:
        """A value that is the same a little later."""
        before, found = None, self.evaluate(expression)
        while found != before:
            time.sleep(0.3)
            before, found = found, self.evaluate(expression)
        return found

    def drag(self, *places: tuple[float, float]) -> None:
        """The mouse goes down at the first place and up at the last."""
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y)} for x, y in places]
        down, up = ({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))
        actions = [{"type": "pointer", "id": "mouse", "actions": [moves[0], down, *moves[1:], up]}]
        self.ask("input.performActions", context=self.tab, actions=actions)


@contextmanager
def running_firefox(path: str, width: int = 1366, height: int = 900) -> Iterator[Firefox]:
    """Start it with a profile of its own, and end it."""
    with tempfile.TemporaryDirectory(prefix="posenc-firefox-") as profile:
        command = [path, "--headless", f"--width={width}", f"--height={height}", "--no-remote"]
        command += ["--remote-debugging-port=0", "--profile", profile, "about:blank"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            lines = iter(process.stderr.readline, "")
            found = (re.search(r"BiDi listening on (ws://\S+)", line) for line in lines)
            address = next((match[1] for match in found if match), None)
            assert address, "Firefox has ended before it opened its socket"
            threading.Thread(
                target=list, args=(lines,), daemon=True
            ).start()  # a full pipe stops it
            socket = create_connection(
                f"{address}/session", timeout=PATIENCE_S, suppress_origin=True
            )
            yield Firefox(socket)
            socket.close()
        finally:
            process.terminate()
            process.wait(20)
