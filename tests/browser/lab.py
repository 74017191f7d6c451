"""JupyterLab and Chromium for the tests: started here, watched, and ended by their own ids."""

import ast
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import BrowserContext, Locator, Page, sync_playwright

from tools.notebooks import NOTEBOOK_METADATA, NOTEBOOKS, ROOT, WIDGET_VIEW

HOST = "127.0.0.1"
START_SECONDS = 90
NOTEBOOK_SECONDS = 180

FLAGS = ["headless", "no-sandbox", "no-first-run"]
FLAGS += [
    f"disable-{n}" for n in ("gpu", "quic", "background-networking", "component-update", "sync")
]

# What .jupyter says about asking nobody for anything, for a JupyterLab without it.
QUIET = [
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
]

# A notebook is ready when its kernel has answered all that the page has sent. The status alone does
# not say so: it is still idle while a message is on its way, and what a widget sends next waits for
# the answer to the one before, so the quiet has to last a moment.
IDLE = """() => {
  const app = window.jupyterapp;
  const panel = app && app.shell.currentWidget;
  const kernel = panel && panel.sessionContext && panel.sessionContext.session
    && panel.sessionContext.session.kernel;
  if (!kernel) return false;
  window.quiet ??= new WeakMap();
  let quiet = window.quiet.get(kernel);
  if (!quiet) {
    quiet = { open: new Set(), since: performance.now() };
    window.quiet.set(kernel, quiet);
    kernel.anyMessage.connect((_, { msg, direction }) => {
      const done = msg.header.msg_type === 'status' && msg.content.execution_state === 'idle';
      if (direction === 'send' && msg.channel === 'shell') quiet.open.add(msg.header.msg_id);
      else if (done) quiet.open.delete(msg.parent_header.msg_id);
      else return;
      quiet.since = performance.now();
    });
    kernel.statusChanged.connect((_, status) => {
      if (status.endsWith('restarting')) quiet.open.clear();
    });
  }
  const calm = !quiet.open.size && performance.now() - quiet.since > 30;
  return kernel.status === 'idle' && calm
    && panel.context.isReady && panel.context.path === PATH;
}"""


ASK = """async ([code, expression]) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({
    code, silent: true, store_history: false, user_expressions: { answer: expression },
  });
  const { content } = await future.done;
  const answer = content.status === "ok" ? content.user_expressions.answer : content;
  return answer.status === "ok" ? answer.data["text/plain"]
    : `raise ${answer.ename}: ${answer.evalue}`;
}"""


def find_chromium() -> str | None:
    """The browser named by POSENC_CHROMIUM, or else the first one on the path."""
    named = os.environ.get("POSENC_CHROMIUM")
    if named:
        return named if Path(named).exists() else shutil.which(named)
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab, serving a copy of the notebooks."""

    url: str
    token: str
    folder: Path

    def address(self, name: str) -> str:
        return f"{self.url}/lab/tree/notebooks/{name}?reset&token={self.token}"

    def write(self, name: str, cells: list[str]) -> None:
        """A notebook of these code cells, where this JupyterLab finds it."""
        code = [nbformat.v4.new_code_cell(text) for text in cells]
        notebook = nbformat.v4.new_notebook(cells=code, metadata=NOTEBOOK_METADATA)
        nbformat.write(notebook, self.folder / name)


@contextmanager
def running_lab(notebooks: Path = NOTEBOOKS, *, plain: bool = False) -> Iterator[Lab]:
    """Start `make lab` itself on a copy of the notebooks, with settings of its own, and end it.

    `plain` starts JupyterLab without this project's settings, but as quiet.
    """
    with tempfile.TemporaryDirectory(prefix="posenc-lab-") as temporary:
        home = Path(temporary)
        served = home / "served"
        shutil.copytree(
            notebooks, served / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
        )
        arguments, url, token = lab_arguments()
        command = ["make", "--no-print-directory", "-C", str(ROOT), "lab"]
        command += [f"PY={sys.executable}", f"LAB_ROOT={served}", f"LAB_ARGS={' '.join(arguments)}"]
        if plain:
            command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={served}"]
            command += [f"--ip={HOST}", "--allow-root", *QUIET, *arguments]
        with serving(command, home, Lab(url, token, served / "notebooks")) as lab:
            yield lab


def lab_arguments(base: str = "/") -> tuple[list[str], str, str]:
    """JupyterLab's arguments for a test; its address and its token."""
    with socket.create_server((HOST, 0)) as probe:
        token, port = secrets.token_hex(16), probe.getsockname()[1]
    arguments = ["--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    arguments += ["--expose-app-in-browser", f"--IdentityProvider.token={token}"]
    return arguments, f"http://{HOST}:{port}{base.rstrip('/')}", token


@contextmanager
def serving(command: list[str], home: Path, lab: Lab, **environment: str) -> Iterator[Lab]:
    """Start a server with settings of its own below `home`, wait for it, and end it."""
    # without what make tells its children: this make is not one of its jobs
    passed = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    for name in ("CONFIG", "DATA", "RUNTIME"):
        passed[f"JUPYTER_{name}_DIR"] = str(home / name.lower())
    log = home / "lab.log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            command,
            cwd=lab.folder.parent,
            env=passed | environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline, started = time.monotonic() + START_SECONDS, False
        while not started:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-4000:]}")
            time.sleep(0.2)
            with suppress(OSError):
                urllib.request.urlopen(f"{lab.url}/api/status?token={lab.token}", timeout=5).close()
                started = True
        yield lab
    finally:  # the session that was started here: make, JupyterLab and its kernels
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(server.pid, sign)
                server.wait(15)


@contextmanager
def running_browser(width: int = 1280, height: int = 900) -> Iterator[BrowserContext]:
    """Chromium with a fresh profile that goes when the browser goes."""
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=find_chromium(), args=[f"--{flag}" for flag in FLAGS]
        )
        try:
            yield browser.new_context(viewport={"width": width, "height": height})
        finally:
            browser.close()


@dataclass
class Visit:
    """One notebook, open in a page of its own, with all that the page said and asked for."""

    page: Page
    name: str
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    panel = "window.jupyterapp.shell.currentWidget"

    def ask(self, expression: str, code: str = "") -> Any:
        """A value from the kernel of the notebook; `code` runs first."""
        answer = self.page.evaluate(ASK, [code, expression])
        if answer.startswith("raise "):
            raise RuntimeError(f"the kernel answered: {answer}")
        return ast.literal_eval(answer)

    @contextmanager
    def running(self) -> Iterator[None]:
        """From when its kernel is ready; the kernel then goes: five at once would be too many."""
        self.wait_until_idle()
        try:
            yield
        finally:
            self.page.evaluate(f"async () => {{ await {self.panel}.sessionContext.shutdown(); }}")

    def cells(self) -> list[dict]:
        return self.page.evaluate(f"() => {self.panel}.context.model.toJSON().cells")

    def run_all(self) -> None:
        self.press("notebook:clear-all-cell-outputs")
        self.press("notebook:run-all-cells")
        self.wait_until_idle()

    def run_cell(self, index: int, wait: bool = True) -> None:
        """Run one cell (from 0)."""
        act = "window.jupyterapp.commands.execute('notebook:run-cell')"
        self.page.evaluate(
            f"async i => {{ {self.panel}.content.activeCellIndex = i; {'await' * wait} {act}; }}",
            index,
        )
        if wait:
            self.wait_until_idle()

    def press(self, command: str, **arguments: object) -> None:
        """Run one of JupyterLab's commands."""
        self.page.evaluate(
            "async ([name, given]) => { await window.jupyterapp.commands.execute(name, given); }",
            [command, arguments],
        )

    def wait_until_idle(self) -> None:
        path = f"'notebooks/{self.name}'"
        self.page.wait_for_function(IDLE.replace("PATH", path), timeout=NOTEBOOK_SECONDS * 1000)

    def show_cell(self, index: int) -> None:
        """Bring a cell (from 0) into the page: JupyterLab draws only what is near the view."""
        self.page.evaluate(f"async i => {{ await {self.panel}.content.scrollToItem(i); }}", index)

    def check(self) -> None:
        """Nothing has failed, and nobody else was asked for anything."""
        assert (self.error_outputs(), self.errors, self.hosts) == ([], [], {HOST})

    def error_outputs(self) -> list[str]:
        outputs = [(n, o) for n, c in enumerate(self.cells(), 1) for o in c.get("outputs", [])]
        errors = [(n, o) for n, o in outputs if o["output_type"] == "error"]
        return [f"cell {number}: {o['ename']}: {o['evalue']}" for number, o in errors]

    def not_run(self) -> list[dict]:
        return [c for c in self.cells() if c["cell_type"] == "code" and not c["execution_count"]]

    def panel_cells(self) -> list[int]:
        """The cells (from 0) that show a panel."""
        found = []
        for index, cell in enumerate(self.cells()):
            if any(WIDGET_VIEW in output.get("data", {}) for output in cell.get("outputs", [])):
                self.show_cell(index)
                self.cell(index).locator(".posenc-panel").first.wait_for()
                found.append(index)
        return found

    def cell(self, index: int) -> Locator:
        return self.page.locator(f".jp-Cell[data-windowed-list-index='{index}']:visible")


@contextmanager
def visiting(
    context: BrowserContext, lab: Lab, name: str, address: str | None = None
) -> Iterator[Visit]:
    """Open a notebook in JupyterLab, in a page of its own, and wait for its kernel."""
    page = context.new_page()
    try:
        with _watching(page, name) as visit:
            page.goto(address or lab.address(name), timeout=START_SECONDS * 1000)
            with visit.running():
                yield visit
    finally:
        page.close()


@contextmanager
def running_app(context: BrowserContext, lab: Lab) -> Iterator[Page]:
    """A page with JupyterLab and no notebook."""
    page = context.new_page()
    page.goto(f"{lab.url}/lab?reset&token={lab.token}", timeout=START_SECONDS * 1000)
    page.wait_for_function(
        "() => window.jupyterapp && ['docmanager:open', 'notebook:run-all-cells']"
        ".every(name => window.jupyterapp.commands.hasCommand(name))"
    )
    page.evaluate("async () => { await window.jupyterapp.restored; }")
    yield page
    page.close()


@contextmanager
def visiting_next(page: Page, name: str) -> Iterator[Visit]:
    """Open a notebook where JupyterLab runs already, and close it again."""
    page.bring_to_front()
    with _watching(page, name) as visit:
        visit.press("docmanager:open", path=f"notebooks/{name}")
        try:
            with visit.running():
                yield visit
        finally:
            page.evaluate(f"() => {{ {visit.panel}.context.model.dirty = false; }}")  # ask nothing
            visit.press("application:close")


@contextmanager
def _watching(page: Page, name: str) -> Iterator[Visit]:
    """Note what the page says and asks for."""
    visit = Visit(page, name)

    def note_host(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            visit.hosts.add(parts.hostname or "")

    listeners = {
        "console": lambda m: visit.errors.append(m.text) if m.type == "error" else None,
        "pageerror": lambda problem: visit.errors.append(str(problem)),
        "request": lambda request: note_host(request.url),
        "websocket": lambda websocket: note_host(websocket.url),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    try:
        yield visit
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
