"""A simulated student: says over HTTP and websocket what JupyterLab would say."""

import asyncio
import json
import struct
import time
import uuid
from asyncio import FIRST_COMPLETED
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from classroom.load.hub import Hub

PANEL = """
from posenc_lib import PositionEncoding, explorers, relative_positions
class Mine(PositionEncoding):
    def at_scores(self, query, key, query_positions, key_positions):
        distance = relative_positions(query_positions, key_positions).abs()
        return -distance.to(query.dtype).unsqueeze(-3)
panel = explorers.attention_explorer(
    encodings={"mine": lambda dim, heads, length: Mine()}, encoding="mine"
)
panel
"""


class Student:
    """One name at the hub, with a server, a notebook and its kernel."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub, self.name = hub, name
        self.socket: WebSocketClientConnection | None = None
        self.waiting: dict[str, asyncio.Future[None]] = {}
        self.said: dict[str, str] = {}
        self.errors: list[str] = []
        self.panel = ""
        self.turn = 0
        self.sent: dict[int, float] = {}
        self.waits: list[float] = []

    async def start_server(self, timeout: float = 300) -> float:
        """As after the log-in: the seconds until the hub says that the server is ready."""
        began = time.monotonic()
        try:
            await self.hub.ask("POST", f"/hub/api/users/{self.name}")
        except HTTPClientError as problem:
            if problem.code != 409:  # the hub knows the name already
                raise
        await self.hub.ask("POST", f"/hub/api/users/{self.name}/server")
        while time.monotonic() - began < timeout:
            user = json.loads((await self.hub.ask("GET", f"/hub/api/users/{self.name}")).body)
            if user["servers"].get("", {}).get("ready"):
                return time.monotonic() - began
            if not user["servers"] and user["pending"] is None:
                break
            await asyncio.sleep(0.5)
        raise RuntimeError(f"the server of {self.name} did not start")

    async def stop_server(self) -> None:
        await self.hub.ask("DELETE", f"/hub/api/users/{self.name}/server")
        while json.loads((await self.hub.ask("GET", f"/hub/api/users/{self.name}")).body)[
            "servers"
        ]:
            await asyncio.sleep(0.2)

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = (await self.hub.ask(method, f"/user/{self.name}/api/{path}", body)).body
        return json.loads(answer) if answer else None

    async def read(self, path: str) -> Any:
        """The content of a notebook as its server has it on disk."""
        return (await self.ask("GET", f"contents/{path}?content=1"))["content"]

    async def save(self, path: str, notebook: object) -> None:
        body = {"type": "notebook", "format": "json", "content": notebook}
        await self.ask("PUT", f"contents/{path}", body)

    async def open(self, path: str) -> Any:
        """Open a notebook: its content, and a kernel with a socket."""
        notebook = await self.read(path)
        session = await self.ask(
            "POST", "sessions",
            {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}},
        )  # fmt: skip
        self.kernel = session["kernel"]["id"]
        await self.connect()
        return notebook

    async def connect(self) -> None:
        if self.socket is not None:
            self.socket.close()
        address = self.hub.address.replace("http", "ws", 1)
        url = f"{address}/user/{self.name}/api/kernels/{self.kernel}/channels"
        headers = {"Authorization": f"token {self.hub.token}"}
        self.socket = await websocket_connect(
            HTTPRequest(url, headers=headers, connect_timeout=60), max_message_size=1 << 28
        )
        self.listener = asyncio.create_task(self.listen(self.socket))

    async def listen(self, socket: WebSocketClientConnection) -> None:
        while (raw := await socket.read_message()) is not None:
            message = json.loads(raw if isinstance(raw, str) else first_part(raw))
            kind, content = message["msg_type"], message["content"]
            parent = message["parent_header"].get("msg_id", "")
            if kind == "status" and content["execution_state"] == "idle":
                if parent in self.waiting and not self.waiting[parent].done():
                    self.waiting[parent].set_result(None)
            elif kind == "stream":
                self.said[parent] = self.said.get(parent, "") + content["text"]
            elif kind == "error":
                self.errors.append(f"{content['ename']}: {content['evalue']}")
            elif kind == "comm_open" and "declared" in content["data"].get("state", {}):
                self.panel = content["comm_id"]
            elif kind == "comm_msg" and content["comm_id"] == self.panel:
                turn = content["data"].get("state", {}).get("answered")
                if turn in self.sent:
                    self.waits.append(time.monotonic() - self.sent.pop(turn))

    async def tell(self, kind: str, content: object) -> str:
        name = uuid.uuid4().hex
        header = {"msg_id": name, "msg_type": kind, "username": self.name, "session": self.name,
                  "version": "5.3"}  # fmt: skip
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content,
                   "channel": "shell", "buffers": []}  # fmt: skip
        if kind == "execute_request":
            self.waiting[name] = asyncio.get_running_loop().create_future()
        assert self.socket is not None
        await self.socket.write_message(json.dumps(message))
        return name

    async def execute(self, code: str, timeout: float = 300) -> str:
        """Run a cell; what it printed. An error of the cell is an error here."""
        before = len(self.errors)
        name = await self.tell(
            "execute_request",
            {"code": code, "silent": False, "store_history": True, "allow_stdin": False},
        )
        answer = self.waiting[name]
        await asyncio.wait({answer, self.listener}, timeout=timeout, return_when=FIRST_COMPLETED)
        del self.waiting[name]
        if not answer.done():
            problem = self.listener.done() and self.listener.exception()
            raise RuntimeError(f"{self.name}: a cell was never answered ({problem or 'too late'})")
        if self.errors[before:]:
            raise RuntimeError(f"{self.name}: {self.errors[-1]}")
        return self.said.pop(name, "")

    async def run(self, notebook: Any) -> float:
        """All code cells from top to bottom; the seconds it took."""
        began = time.monotonic()
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                await self.execute(cell["source"])
        return time.monotonic() - began

    async def make_panel(self) -> None:
        await self.execute(PANEL)
        assert self.panel, f"{self.name}: no panel came"

    async def drag(self, seconds: float, rate: float = 3.0, after: float = 0.0) -> None:
        """Move the slider `length` so many times a second; `waits` gets what each took."""
        began = time.monotonic() + after
        for step in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, began + step / rate - time.monotonic()))
            self.turn += 1
            self.sent[self.turn] = time.monotonic()
            want = {"length": 5 + step % 20, "query": 1}
            content = {"want": want, "turn": self.turn}
            data = {"method": "custom", "content": content}
            await self.tell("comm_msg", {"comm_id": self.panel, "data": data})
        for _ in range(100):  # what is still on its way
            if not self.sent:
                return
            await asyncio.sleep(0.1)
        raise RuntimeError(f"{self.name}: {len(self.sent)} moves were never answered")


def first_part(raw: bytes) -> bytes:
    """The JSON of a message that carries buffers behind it."""
    count = struct.unpack_from("!I", raw)[0]
    offsets = struct.unpack_from(f"!{count}I", raw, 4)
    return raw[offsets[0] : offsets[1] if count > 1 else None]
