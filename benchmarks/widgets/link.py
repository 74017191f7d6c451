"""A slow link: a TCP proxy on this machine that hands every byte on a little later."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"


class SlowLink:
    """Carries connections to `target`; every byte waits `delay` seconds, each way.

    A delay is not a narrow pipe: bytes that come together leave together, in order. The delay may
    be changed while connections are open.
    """

    def __init__(self, target: int, delay: float = 0.0) -> None:
        self.target, self.delay, self.port = target, delay, 0
        self.tasks: set[asyncio.Task] = set()

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connected, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connected(self, reader, writer) -> None:
        there, back = await asyncio.open_connection(HOST, self.target)
        for source, sink in ((reader, back), (there, writer)):
            self._start(self._carry(source, sink))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """asyncio switches Nagle's algorithm off, so that the link adds its delay and no more."""
        clock = asyncio.get_running_loop().time
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._start(self._hand_on(waiting, sink, clock))
        data = b"open"
        while data:
            try:
                data = await source.read(1 << 16)
            except ConnectionError:
                data = b""  # cut off: closed for the other side too
            waiting.put_nowait((clock() + self.delay, data))

    async def _hand_on(self, waiting, sink, clock) -> None:
        with suppress(ConnectionError):
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(max(0.0, due - clock()))
                if not data:
                    break
                sink.write(data)
                await sink.drain()
        sink.close()

    def _start(self, work) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)  # or it might be collected before its end
        task.add_done_callback(self.tasks.discard)


@contextmanager
def slow_link(target: int) -> Iterator[SlowLink]:
    """A link to this port, without delay at first, in a thread of its own."""
    loop, link = asyncio.new_event_loop(), SlowLink(target)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(link.serve(), loop).result(10)
    try:
        yield link
    finally:
        asyncio.run_coroutine_threadsafe(_end(server, link), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncio.Server, link: SlowLink) -> None:
    server.close()
    tasks = list(link.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
