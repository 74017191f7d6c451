"""Accidents of a class. After each of them every saved notebook is there, to the letter."""

import asyncio
import contextlib
import ctypes
import json
import os
import time
from pathlib import Path

from tornado.httpclient import HTTPClientError

from classroom.load.hub import Hub
from classroom.load.student import Student

PAGE = "posenc/00_start_here.ipynb"
FULL = "full"


def own_work(notebook: dict, text: str) -> dict:
    """The notebook with one more cell of the student's at its end."""
    cell = {"cell_type": "markdown", "id": "own-work", "metadata": {}, "source": text}
    cells = [one for one in notebook["cells"] if one.get("id") != "own-work"]
    return {**notebook, "cells": [*cells, cell]}


async def saved(student: Student, text: str) -> None:
    """This text is the student's last cell, on disk."""
    found = (await student.read(PAGE))["cells"][-1]["source"]
    assert found == text, f"{student.name}: {text!r} was saved, {found[:60]!r} is there"


async def kernel_dies(student: Student) -> str:
    """The kernel is killed in the middle of a cell; the page saves once more and goes on."""
    notebook = await student.read(PAGE)
    await student.save(PAGE, own_work(notebook, "before the kernel died"))
    process = int(await student.execute("import os; print(os.getpid())"))
    await student.tell("execute_request", {"code": "while True: pass", "silent": False})
    os.kill(process, 9)
    await saved(student, "before the kernel died")
    await student.save(PAGE, own_work(notebook, "after the kernel died"))
    await saved(student, "after the kernel died")
    began = time.monotonic()
    for _ in range(60):
        await student.connect()
        with contextlib.suppress(asyncio.TimeoutError, RuntimeError):
            assert await student.execute("print(6 * 7)", timeout=10) == "42\n"
            took = time.monotonic() - began
            return f"a kernel dies: all is saved, and a new one answers {took:.0f} s later"
    raise AssertionError("no new kernel came")


async def too_much(student: Student) -> str:
    """A cell asks for more memory than a student may have: it gets an error, and life goes on."""
    ask = "try:\n    bytearray(3 << 30)\nexcept MemoryError:\n    print('refused')"
    assert await student.execute(ask) == "refused\n", f"{student.name} got 3 GB"
    return "a cell asks for 3 GB: it gets an error, its kernel goes on"


async def hub_restarts(hub: Hub, students: list[Student]) -> str:
    """The hub is killed and started again; servers, kernels and their variables stay."""
    for student in students:
        await student.execute("kept = 41")
        await student.save(PAGE, own_work(await student.read(PAGE), f"of {student.name}"))
    began = time.monotonic()
    hub.kill()
    await hub.start()
    for student in students:
        while True:
            with contextlib.suppress(OSError, HTTPClientError):
                await saved(student, f"of {student.name}")
                break
            assert time.monotonic() - began < 120, f"{student.name} cannot be reached any more"
            await asyncio.sleep(0.2)
        await student.connect()
        assert await student.execute("print(kept + 1)") == "42\n"
    gone = time.monotonic() - began
    return f"a hub restarts: {len(students)} kernels go on after {gone:.0f} s, with what they held"


def small_disk(home: Path) -> str:
    """Put a disk of 16 MB under the home; why not, where that cannot be done."""
    home.mkdir(parents=True)
    mount = ctypes.CDLL(None, use_errno=True).mount
    options = f"size=16m,mode=755,uid={os.getuid()},gid={os.getgid()}".encode()
    if mount(b"tmpfs", os.fsencode(home), b"tmpfs", 0, options):
        return os.strerror(ctypes.get_errno())
    return ""


async def disk_fills(hub: Hub, student: Student) -> str:
    """The home of a student is full: a save is refused aloud and the file stays whole."""
    home = hub.home(student.name)
    notebook = await student.open(PAGE)
    await student.save(PAGE, own_work(notebook, "before the disk was full"))
    filler = home / "filler"
    fill(filler)
    long = own_work(notebook, "while the disk is full " * 10_000)
    try:
        await student.save(PAGE, long)
    except HTTPClientError as refused:
        code = refused.code
    else:
        raise AssertionError("a notebook was saved on a full disk")
    await saved(student, "before the disk was full")
    json.loads((home / PAGE).read_text(encoding="utf-8"))
    # Tomorrow, still full: the server starts, so that the student can throw something away.
    await student.stop_server()
    fill(filler)
    (home / "posenc" / "01_sinusoidal_math.ipynb").unlink()
    fill(filler)
    await student.start_server()
    await saved(student, "before the disk was full")
    filler.unlink()
    await student.save(PAGE, long)
    await saved(student, "while the disk is full " * 10_000)
    return f"a disk fills: a save is refused ({code}), the file stays whole, a server starts again"


def fill(file: Path) -> None:
    """Write until nothing goes in any more."""
    size = 1 << 20
    with file.open("ab", buffering=0) as target:
        while size:
            try:
                if target.write(b"0" * size) < size:
                    size //= 2
            except OSError:
                size //= 2
