"""The benchmark of the live panels itself: its report, and its slow link."""

import copy
import json
import socket
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from benchmarks.widgets import report
from benchmarks.widgets.link import HOST, slow_link

FOLDER = Path(report.__file__).parent
RESULTS = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
PLAIN = "plain JupyterLab, 50 x 64: median at"


def verdicts(results: dict) -> dict[str, str]:
    rows = [line.strip("| ").split(" | ") for line in report.bars(results).splitlines()[2:]]
    return {row[0].strip(): row[-1].strip() for row in rows}


def test_the_page_is_the_one_of_the_results():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == report.page(RESULTS)


@pytest.mark.parametrize(
    ("path", "good", "bad", "bar"),
    [
        (("settings", "canvas", "moves", "200 x 128", "p95"), 49, 51, "`make lab`, 200 x 128: 95"),
        (("plain", "canvas", "moves", "50 x 64", "median"), 44, 46, f"{PLAIN} most 45"),
        (("plain", "naive", "moves", "50 x 64", "median"), 1e5, 1, f"{PLAIN} least 6 times"),
        (("settings", "canvas", "drag", "frames_per_second"), 16, 14, "drag: at least 15"),
        (("settings", "canvas", "drag", "right"), True, False, "drag: final state"),
        (("slow", "canvas", "drag", "after"), 2, 40, "150 ms each way: pictures"),
        (("settings", "canvas", "updates", "kernel_growth"), 4e6, 6e6, "1,000 updates: kernel"),
        (("settings", "canvas", "updates", "figures_open"), 0, 1, "1,000 updates: figures"),
    ],
)
def test_a_bar_is_judged_by_its_number(path, good, bad, bar):
    for value, verdict in ((good, "reached"), (bad, "not reached")):
        results = copy.deepcopy(RESULTS)
        results["settings"]["canvas"]["updates"]["n"] = 1000
        place = results
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        found = [said for text, said in verdicts(results).items() if text.startswith(bar)]
        assert found == [verdict]


def test_the_slow_link_delays_each_way_and_keeps_the_order():
    """At least the delay: how much more is the machine's affair."""
    sent = b"".join(n.to_bytes(4, "big") for n in range(50_000))
    with socket.create_server((HOST, 0)) as echo:

        def answer():
            with echo.accept()[0] as peer:
                while data := peer.recv(1 << 16):
                    peer.sendall(data)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with slow_link(echo.getsockname()[1]) as link:
            link.delay = 0.05
            with socket.create_connection((HOST, link.port), timeout=20) as client:
                begun = time.monotonic()
                client.sendall(sent)
                got = client.recv(1)
                taken = time.monotonic() - begun
                while len(got) < len(sent):
                    got += client.recv(1 << 16)
        thread.join(10)
    assert got == sent
    assert taken >= 0.1
