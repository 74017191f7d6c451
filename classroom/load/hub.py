"""A hub of our own for a test, with the configuration that a class gets."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
load_subconfig({config!r})
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.auth_token = {token!r}
c.JupyterHub.services.append({{"name": "load", "api_token": {token!r}}})
c.JupyterHub.load_roles.append({{
    "name": "load", "services": ["load"],
    "scopes": ["admin:users", "admin:servers", "access:servers"],
}})
if os.geteuid() == 0:
    c.Spawner.args.append("--allow-root")
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Hub:
    """A hub on loopback in a folder of its own; `token` may do what its admin may."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token, self.password = secrets.token_hex(16), secrets.token_hex(16)
        self.address = f"http://127.0.0.1:{free_port()}"
        self.process: subprocess.Popen[bytes] | None = None
        self.config = folder / "config.py"
        text = CONFIG.format(
            config=str(ROOT / "classroom/jupyterhub_config.py"), token=self.token,
            hub_port=free_port(), api_port=free_port(),
        )  # fmt: skip
        self.config.write_text("import os\n" + text, encoding="utf-8")
        self.config.chmod(0o600)

    def home(self, name: str) -> Path:
        return self.folder / "class" / "homes" / name

    async def start(self) -> float:
        """Start it, or start it again; the seconds until it answers."""
        environment = os.environ | {
            "POSENC_CLASS_PASSWORD": self.password,
            "POSENC_CLASS_ADDRESS": self.address,
            "POSENC_CLASS_FOLDER": str(self.folder / "class"),
        }
        began = asyncio.get_running_loop().time()
        with (self.folder / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "--config", str(self.config)],
                cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        while asyncio.get_running_loop().time() - began < 120:
            if self.process.poll() is not None:
                raise RuntimeError(f"the hub has ended: {(self.folder / 'hub.log').read_text()}")
            with suppress(OSError, HTTPClientError):
                await self.ask("GET", "/hub/api/users")
                return asyncio.get_running_loop().time() - began
            await asyncio.sleep(0.2)
        raise RuntimeError(f"the hub does not answer: {(self.folder / 'hub.log').read_text()}")

    def kill(self) -> None:
        """End the hub at once, as a crash does; its proxy and the students' servers go on."""
        assert self.process is not None
        cullers = [
            int(process.name)
            for process in Path("/proc").glob("[0-9]*")
            if is_culler_of(process, self.process.pid)
        ]
        self.process.kill()
        self.process.wait()
        for culler in cullers:  # nobody would end it after the test
            os.kill(culler, signal.SIGTERM)

    async def stop(self, names: list[str]) -> None:
        """End every server, then the hub."""
        places = (f"/hub/api/users/{name}/server" for name in names)
        await asyncio.gather(
            *(self.ask("DELETE", place) for place in places), return_exceptions=True
        )
        for _ in range(50):
            left = json.loads((await self.ask("GET", "/hub/api/users")).body)
            if not any(one["servers"] for one in left):
                break
            await asyncio.sleep(0.2)
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    async def ask(self, method: str, path: str, body: object = None) -> HTTPResponse:
        """One request, with the rights of the admin."""
        request = HTTPRequest(
            self.address + quote(path, safe="/?=&"), method,
            headers={"Authorization": f"token {self.token}"},
            body=None if method == "GET" or (method == "DELETE" and body is None)
            else json.dumps(body if body is not None else {}),
            allow_nonstandard_methods=True, request_timeout=300, connect_timeout=60,
        )  # fmt: skip
        return await AsyncHTTPClient().fetch(request)


def is_culler_of(process: Path, parent: int) -> bool:
    with suppress(OSError):
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        return int(fields[1]) == parent and b"idle_culler" in (process / "cmdline").read_bytes()
    return False


def memory(hub: Hub) -> dict[str, dict[str, float]]:
    """MB of every process of this hub, shared pages shared out, by student and by kind.

    The hub and its proxy stand under the empty name.
    """
    found: dict[str, dict[str, float]] = {}
    marks = (str(hub.folder).encode(), hub.address.encode())
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            surroundings = (process / "environ").read_bytes()
            if not any(mark in surroundings for mark in marks):
                continue
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            user = dict(
                part.split("=", 1) for part in surroundings.decode(errors="replace").split("\0")
                if "=" in part
            ).get("JUPYTERHUB_USER", "")  # fmt: skip
            kind = next(
                (kind for sign, kind in KINDS.items() if sign in words), words.split(" ")[0]
            )
            lines = (process / "smaps_rollup").read_text().splitlines()
            pss = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            kinds = found.setdefault(user, {})
            kinds[kind] = kinds.get(kind, 0.0) + pss / 1024
    return found


KINDS = {
    "ipykernel": "kernel",
    "singleuser": "server",
    "configurable-http-proxy": "proxy",
    "jupyterhub": "hub",
}


def seconds_of_cpu(hub: Hub) -> float:
    """What all processes of this hub have computed so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    marks = (str(hub.folder).encode(), hub.address.encode())
    total = 0.0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(mark in (process / "environ").read_bytes() for mark in marks):
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / ticks
    return total
