"""What is timed: every panel at its usual and at its largest settings, and a naive one."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = {"length": 128, "dim": 256, "heads": 8}

LARGEST: dict[str, dict[str, object]] = {
    "who_explorer": {"sentence": "the old big dog bites a small cat", "position": True},
    "sinusoidal_explorer": {"length": 512, "dim": 512},
    "learned_explorer": {"length": 512, "dim": 384},
    "relative_explorer": {"form": "Shaw", "length": 128, "queries": 128, "dim": 128},
    "rotary_explorer": {"length": 512, "head_dim": 128},
    "length_explorer": {"length": 256},
    "word_order_explorer": {"sentence": "one of these words has no second place"},
    "attention_explorer": {"encoding": "shaw", **SIZES},
    "playground_explorer": {"first": "shaw", "second": "nezha", **SIZES},
    "forecast_explorer": {"series": "sp500"},
    "grid_explorer": {"rows": 24, "columns": 24, "encoding": "2-D RoPE, q = k = ones"},
    "shuffle_explorer": {"moved": 16},
    "museum_explorer": {"length": 128},
    "config_explorer": {"model": "DeepSeek-V3", "other": "Gemma 3 12B"},
    "picture_explorer": {"scale": 16.0},
    "dates_explorer": {"sentence": "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4"},
}
"""The settings that make most work, by the function that makes the panel; the usual ones are the
panel's own."""

# --- a reader's own encoding, three times the same picture ---------------------------------------

COUNT = """\
from comm import get_comm_manager
from ipywidgets.widgets.widget import _instances

from posenc_lib import explorers

def held():
    return max(len(_instances), len(get_comm_manager().comms))"""

PAGE_PANEL = "before = held()\npanel = explorers.{explorer}()\npanel"

OWN = """\
import matplotlib.pyplot as plt
from ipywidgets import FloatLogSlider, IntSlider, interact
from posenc_lib import Door, PositionEncoding, relative_positions

class Recency(PositionEncoding):
    door = Door.SCORES
    def at_scores(self, query, key, query_positions, key_positions):
        distance = relative_positions(query_positions, key_positions).abs()
        return -distance.to(query.dtype).unsqueeze(-3)  # an axis for the heads

before = {}"""

IN_KERNEL = """\
before["kernel"] = held()
panel = explorers.attention_explorer(
    encodings={"mine": lambda dim, heads, length: Recency()}, encoding="mine"
)
panel"""

IN_PAGE = """\
before["page"] = held()
page = explorers.attention_explorer(encoding="alibi")
page"""

# What no panel can save: a message to the kernel, one back, and the next frame.
NOTHING = """\
import anywidget
import traitlets

class Nothing(anywidget.AnyWidget):
    _esm = \"\"\"
    function render({ model, el }) {
      const root = document.createElement("div");
      root.className = "posenc-panel";
      root.innerHTML = "<input class=bare type=range data-lm-suppress-shortcuts=true>";
      root.dataset.drawn = 0;
      root.firstChild.oninput = () => model.send({ wish: root.firstChild.valueAsNumber });
      const draw = () => (root.dataset.drawn = model.get("answer"));
      model.on("change:answer", () => requestAnimationFrame(draw));
      el.append(root);
    }
    export default { render };\"\"\"
    answer = traitlets.Int(0).tag(sync=True)

before["nothing"] = held()
nothing = Nothing()
nothing.on_msg(lambda widget, content, _: setattr(widget, "answer", content["wish"]))
nothing"""

NAIVE = """\
def draw(length, dim, heads, scale):
    views = panel.views_at(length=length, dim=dim, heads=heads, scale=scale)
    figure, axes = plt.subplots(2, 3, figsize=(10, 6), layout="constrained")
    for view, axis in zip(views, axes.flat):
        axis.set_title(view.name)
        if hasattr(view, "values"):
            image = axis.imshow(view.values, cmap="RdBu", vmin=view.limits[0], vmax=view.limits[1])
            figure.colorbar(image, ax=axis, label=view.value_label)
            axis.set(xlabel=view.column_label, ylabel=view.row_label)
        else:
            for y, label in zip(view.ys, view.labels):
                axis.plot(view.x, y, label=label)
            axis.set(xlabel=view.x_label, ylabel=view.y_label)
            axis.legend()
    plt.show()

before["naive"] = held()
naive = interact(
    draw,
    length=IntSlider(5, 2, 128, description="length"),
    dim=IntSlider(32, 32, 256, 32, description="dim"),
    heads=IntSlider(2, 1, 8, description="heads"),
    scale=FloatLogSlider(1, min=-1, max=1.3, step=0.05, description="scale"),
)
sliders = {slider.description: slider for slider in naive.widget.children[:4]}"""


@dataclass(frozen=True)
class Design:
    """One way to the picture: a cell, and how it is set, moved and closed."""

    name: str
    title: str
    cell: str
    put: str  # kernel code that sets {length}, {dim} and {heads}
    close: str  # kernel code that closes it
    root: str = ".posenc-panel[data-drawn]"
    slider: str = ".posenc-control[data-name='scale'] .posenc-range"


SET = ".set(length={length}, dim={dim}, heads={heads}, scale=1.0)"
PUT = "for name, value in dict(length={length}, dim={dim}, heads={heads}, scale=1.0).items():\n"
DESIGNS = (
    Design(
        "kernel", "the panel, your encoding in the kernel", IN_KERNEL, f"panel{SET}",
        "panel.close()",
    ),
    Design("page", "the panel, ALiBi in the page", IN_PAGE, f"page{SET}", "page.close()"),
    Design(
        "nothing", "nothing drawn, through the kernel", NOTHING, "None",
        "nothing.layout.close(); nothing.close()", slider=".bare",
    ),
    Design(
        "naive", "`@interact` and matplotlib", NAIVE, f"{PUT}    sliders[name].value = value",
        "naive.widget.close()",
        root=".widget-interact:has(img)",
        slider=".widget-slider:has-text('scale') .noUi-handle",
    ),
)  # fmt: skip
OWN_SIZES = {"usual": {"length": 5, "dim": 32, "heads": 2}, "largest": SIZES}
