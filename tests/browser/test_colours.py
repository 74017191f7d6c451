"""A heat map with colours of its own: the page paints them as they are, each in its place."""

import pytest

from posenc_lib.explorers.panel import Panel, Slider
from posenc_lib.plots.views import Heatmap

pytestmark = pytest.mark.browser

FLAG = [[0xFF2010, 0x10A020], [0x1030FF, 0x000000]]
MIDDLES = """([canvas, wanted]) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return wanted.map(([r, g, b]) => {
    let [x, y, n] = [0, 0, 0];
    for (let i = 0; i < data.length; i += 4) {
      if (data[i] !== r || data[i + 1] !== g || data[i + 2] !== b || data[i + 3] !== 255) continue;
      [x, y, n] = [x + ((i / 4) % width), y + Math.floor(i / 4 / width), n + 1];
    }
    return n > 1000 ? [x / n, y / n] : null;
  });
}"""


def test_each_cell_has_its_colour_and_one_without_a_value_is_grey(mounted):
    def flag(nothing):
        values = [[0.5, 0.5], [0.5, float("nan")]]
        return [Heatmap("flag", values, "row", "column", "light", (0, 1), colours=FLAG,
                        numbers=False, texts=[["left", "right"], ["below", "away"]])]  # fmt: skip

    panel = Panel(title="A flag", controls=[Slider("nothing", 1, 0, 2)], compute=flag)
    assert panel.views[0].alt == (
        "Picture of flag: 2 x 2 (row by column), light from 0.5 to 0.5, 1 cells masked."
    )
    with mounted(panel) as shown:
        shown.look()
        canvas = shown.locator.locator(".posenc-canvas").first.element_handle()
        wanted = [(255, 32, 16), (16, 160, 32), (16, 48, 255), (0x9A, 0x9A, 0x9A)]
        red, green, blue, grey = shown.page.evaluate(MIDDLES, [canvas, wanted])
    assert red[0] < green[0] and abs(red[1] - green[1]) < 2
    assert red[1] < blue[1] and abs(red[0] - blue[0]) < 2
    assert grey[0] > blue[0] and grey[1] > green[1]
    drawn = panel.figure().axes[0].images[0].get_array()
    assert drawn.tolist() == [
        [list(wanted[0]), list(wanted[1])],
        [list(wanted[2]), list(wanted[3])],
    ]
