"""Golden snapshots: what every panel and figure shows, as plain JSON in the folder of this name.

`python -m tests.golden` writes them anew from `golden_cases.py`: read the diff before you keep it.
Titles, labels and names are kept, of long sentences the numbers only, of arrays a summary.
"""

import json
import re
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.ticker import FixedLocator

from posenc_lib.explorers import Panel
from posenc_lib.explorers.canvas import encoded

FOLDER = Path(__file__).with_name("golden")
NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?")


def plain(value):
    """Arrays as their shape and 16 values; of larger ones also how many are known, their smallest,
    largest, mean, and a mean with another weight for each place, which sees them moved.

    Real numbers are kept to five digits, whole ones as they are: those are compared exactly.
    """
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float | np.floating):
        whole = np.isfinite(value) and value == round(value)
        return int(value) if whole else float(f"{value:.5g}") if np.isfinite(value) else None
    if not isinstance(value, np.ndarray):
        return value
    flat = np.ma.filled(np.ma.asarray(value, float), np.nan).ravel()
    some = flat[np.linspace(0, flat.size - 1, min(flat.size, 16)).astype(int)]
    known = flat[~np.isnan(flat)]
    found = {"shape": list(value.shape), "some": plain(list(some))}
    if flat.size == some.size or not known.size:
        return found
    mixed = np.nansum(flat * np.cos(np.arange(flat.size))) / known.size
    told = [known.min(), known.max(), known.mean(), mixed]
    return found | {"known": known.size, "told": plain(told)}


def shown(thing) -> dict:
    """What a panel or a TeachingFigure shows."""
    found = {"said": " ".join(NUMBER.findall(thing.alt))}
    if isinstance(thing, Panel):
        needs = {n: c.needs for n, c in thing.controls.items() if c.needs}
        greyed = [n for n, (other, values) in needs.items() if thing.settings[other] not in values]
        return plain(found | {"greyed": greyed, "views": [_view(view) for view in thing.views]})
    legends = [text.get_text() for legend in thing.legends for text in legend.get_texts()]
    words = [thing.get_suptitle(), thing.get_supxlabel(), thing.get_supylabel(), *legends]
    found |= {"words": words, "size": [*thing.get_size_inches()]}
    return plain(found | {"axes": [_axes(axes) for axes in thing.axes]})


def _view(view) -> dict:
    """As it is sent to the page, with the numbers instead of their bytes."""
    sent = {k: v for k, v in encoded(view).items() if k not in ("alt", "codes", "low", "step")}
    if sent["kind"] == "heatmap":
        colours = sent.pop("colours")
        if colours is None:
            return sent | {"values": view.values}
        words, which = np.unique(np.array(sent["texts"]), return_inverse=True)
        texts = {"words": words.tolist(), "which": which}
        return sent | {"values": view.values, "colours": view.colours, "texts": texts}
    if sent["kind"] == "clocks":
        return sent | {part: np.frombuffer(sent[part]) for part in ("angles", "rates")}
    x, ys = np.frombuffer(sent["x"]), np.frombuffer(sent["ys"], np.float32)
    return sent | {"x": x, "ys": ys.reshape(-1, x.size)}


def _axes(axes) -> dict:
    fixed = [axis for axis in (axes.xaxis, axes.yaxis)
             if isinstance(axis.get_major_locator(), FixedLocator)]  # fmt: skip
    parts = [part for part in axes.collections if isinstance(part, LineCollection)]
    legend = axes.get_legend()
    found = {
        "labels": [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()],
        "limits": [axes.get_xlim(), axes.get_ylim()],
        "scales": [s for s in (axes.get_xscale(), axes.get_yscale()) if s != "linear"],
        "ticks": [[label.get_text() for label in axis.get_ticklabels()] for axis in fixed],
        "lines": [
            [label if label[0] != "_" else "", to_hex(line.get_color()), line.get_linestyle(),
             str(line.get_marker()), *np.asarray(line.get_xydata()).T]
            for line in axes.lines for label in [line.get_label()]
        ],
        "images": [
            [image.get_cmap().name, image.get_clim(), image.get_extent(), image.get_array()]
            for image in axes.images
        ],
        "bars": [
            [to_hex(part.get_edgecolor()[0]), *np.concatenate(part.get_segments()).T]
            for part in parts if len(part.get_segments())
        ],
        "patches": [
            [to_hex(patch.get_facecolor()), to_hex(patch.get_edgecolor()), patch.get_alpha() or 1,
             patch.get_patch_transform().transform_path(patch.get_path()).vertices.mean(0)]
            for patch in axes.patches
        ],
        "texts": [[text.get_text(), to_hex(text.get_color())] for text in axes.texts],
        "places": [*np.array([text.get_position() for text in axes.texts], float).T],
        "legend": [text.get_text() for text in legend.get_texts()] if legend else [],
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def differences(old, new, where: str = "", room: float = 1e-6) -> list[str]:
    """Where two snapshots differ by more than rounding, in words."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return [d for key in old for d in differences(old[key], new[key], f"{where}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        room = 1e-6 + 1e-5 * max((abs(v) for v in old if isinstance(v, int | float)), default=0)
        pairs = enumerate(zip(old, new, strict=True))
        return [d for n, (a, b) in pairs for d in differences(a, b, f"{where}[{n}]", room)]
    same = old == new
    if isinstance(old, str) and isinstance(new, str):
        same = same or _alike(old, new)
    elif isinstance(old, float) or isinstance(new, float):  # two whole numbers must be equal
        same = None not in (old, new) and abs(old - new) <= room + 1e-4 * abs(old)
    return [] if same else [f"{where}: stored {old!r}, now {new!r}"]


def _alike(old: str, new: str) -> bool:
    """The same words; a number with decimals may end in another last digit."""
    said = [[Decimal(n.replace(",", "")) for n in NUMBER.findall(text)] for text in (old, new)]
    last = [(abs(a - b), a.as_tuple().exponent) for a, b in zip(*said, strict=False)]
    near = all(apart <= (Decimal(1).scaleb(digit) if digit else 0) for apart, digit in last)
    return near and NUMBER.sub("#", old) == NUMBER.sub("#", new)


def stored(topic: str) -> dict:
    """Every snapshot of a topic, by the name of its case."""
    return json.loads((FOLDER / f"{topic}.json").read_text(encoding="utf-8"))


def main() -> None:
    """Write all snapshots, one in a line."""
    from tests.golden_cases import CASES

    dumped = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))
    for topic, cases in CASES.items():
        lines = [f"{dumped(name)}:{dumped(shown(make()))}" for name, make in cases.items()]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        (FOLDER / f"{topic}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
