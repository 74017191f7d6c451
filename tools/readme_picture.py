"""The moving picture for the README: `python -m tools.readme_picture [file]`.

A page with one panel is opened in Chromium, its slider is swept, and every step is photographed.
The picture is written as an animated WebP.
"""

import argparse
import io
import sys
from pathlib import Path

from PIL import Image

from tools.notebooks import NOTEBOOKS

PICTURE = NOTEBOOKS / "images" / "panel.webp"
ALT = (
    "The sinusoidal panel moving: the slider of the base goes up and down. In the heat map of the "
    "table the columns on the right turn from stripes into plain bands and back, the waves of four "
    "pairs grow longer, and the dot product falls off more slowly with distance."
)
SLIDER = ".posenc-control[data-name=base] .posenc-range"
LEAST, MOST = 20, 20_000  # of the base
WIDTH, HEIGHT = 800, 600  # of the window
STRIDE = 2  # places of the slider from one frame to the next
FRAME_MS, REST_MS = 110, 900
MOST_BYTES = 2_000_000

# The places of the slider, and one of them: as a hand that drags it.
PLACES = "s => Number(s.max)"
MOVE = """([s, at]) => {
  s.value = at;
  s.dispatchEvent(new Event("input", { bubbles: true }));
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const row = s.closest(".posenc-control");
    done(Number(row.querySelector(".posenc-number").value.replaceAll(",", "")));
  })));
}"""


def frames() -> list[Image.Image]:
    """The panel at every place of its slider from LEAST to MOST."""
    from posenc_lib import explorers
    from tests.browser.lab import running_browser
    from tests.browser.mounted import mounting

    made = explorers.sinusoidal_explorer(dim=64, length=60, base=20.0)
    with (
        running_browser() as browser,
        mounting(browser, made, WIDTH, HEIGHT, kernel=False) as mounted,
    ):
        panel = mounted.page.locator(".posenc-panel[data-drawn]")
        slider = panel.locator(SLIDER).element_handle()
        found = []
        for at in range(0, slider.evaluate(PLACES) + 1, STRIDE):
            value = mounted.page.evaluate(MOVE, [slider, at])
            if LEAST <= value <= MOST:
                found.append(Image.open(io.BytesIO(panel.screenshot())).convert("RGB"))
    return found


def write(pictures: list[Image.Image], file: Path) -> None:
    """There and back, with a rest at both ends."""
    swept = [*pictures, *pictures[-2:0:-1]]
    times = [FRAME_MS] * len(swept)
    times[0] = times[len(pictures) - 1] = REST_MS
    how = {"duration": times, "loop": 0, "quality": 60, "method": 4}
    swept[0].save(file, save_all=True, append_images=swept[1:], **how)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.readme_picture", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    pictures = frames()
    write(pictures, options.file)
    size = options.file.stat().st_size
    print(f"{options.file}: {len(pictures)} steps, {pictures[0].size}, {size / 1e6:.2f} MB\n{ALT}")
    return 0 if size < MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
