"""The panels that are compared: this project's, and what anybody writes first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from playwright.sync_api import BrowserContext

from benchmarks.widgets.live import SLIDER, Live
from tests.browser.lab import Lab, visiting

IMPORTS = """\
import matplotlib.pyplot as plt
import numpy as np
from ipywidgets import FloatLogSlider, IntSlider, interact

from posenc_lib import explorers, sinusoidal_table
from posenc_lib.explorers.sinusoidal import in_kernel"""

NAIVE = f"""\
drawn = []

def draw(dim, length, base, start):
    table = sinusoidal_table(length, dim, base=base, start=start)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    image = left.imshow(table, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    figure.colorbar(image, ax=left, label="value")
    left.set(xlabel="dimension", ylabel="position")
    for column in (0, dim // 8, dim // 4, dim // 2):
        right.plot(start + np.arange(length), table[:, column], label=f"column {{column}}")
    right.set(xlabel="position", ylabel="value")
    right.legend()
    plt.show()
    drawn.append(start)

naive = interact(
    draw,
    dim=IntSlider(128, 2, 512, 2, description="dim"),
    length=IntSlider(200, 2, 512, description="length"),
    base=FloatLogSlider(10_000, min=0, max=6, description="base"),
    start=IntSlider(0, 0, 100_000, description="{SLIDER}", style=dict(description_width="initial")),
)
sliders = {{slider.description: slider for slider in naive.widget.children[:4]}}"""


@dataclass(frozen=True)
class Design:
    """A panel in a notebook cell, and how it is driven from the kernel."""

    name: str
    title: str
    cell: str
    size: str  # kernel code that sets {length} and {dim}
    start: str  # kernel code that sets {start}
    value: str  # kernel code for the start that was drawn last
    selector: str
    drawn: str  # on the page once it is live
    wanted: bool  # the page says which value a picture shows

    @contextmanager
    def open(self, context: BrowserContext, lab: Lab) -> Iterator[tuple[Live, float]]:
        """The panel in a fresh page with a fresh kernel; with the ms that opening took."""
        name = f"{self.name}.ipynb"
        lab.write(name, [IMPORTS, self.cell])
        with visiting(context, lab, name) as visit:
            visit.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
            visit.wait_until_idle()
            live = Live(visit, 1, self.value, self.selector, self.wanted)
            yield live, live.open(self.drawn)


NAIVE_DESIGN = Design(
    name="naive",
    title="`@interact`, a new matplotlib figure each time",
    cell=NAIVE,
    size="sliders['length'].value, sliders['dim'].value = {length}, {dim}",
    start=f"sliders['{SLIDER}'].value = {{start}}",
    value="drawn[-1]",
    selector=".widget-interact",
    drawn=".widget-interact img",
    wanted=False,
)
IN_KERNEL = Design(
    name="canvas",
    title="`sinusoidal_explorer`, computed in the kernel",
    cell="panel = in_kernel(length=200, dim=128)\npanel",
    size="panel.set(length={length}, dim={dim})",
    start="panel.start = {start}",
    value="panel.start",
    selector=".posenc-panel",
    drawn=".posenc-panel[data-drawn]",
    wanted=True,
)
IN_PAGE = replace(
    IN_KERNEL,
    name="page",
    title="`sinusoidal_explorer`, computed in the page",
    cell="panel = explorers.sinusoidal_explorer(length=200, dim=128)\npanel",
)
DESIGNS = (NAIVE_DESIGN, IN_KERNEL, IN_PAGE)
