"""The measured numbers as a page: ratios first, then milliseconds."""

from __future__ import annotations

from benchmarks.tables import table
from benchmarks.widgets.hand import WARM, spread
from benchmarks.widgets.panels import DESIGNS, LARGEST, OWN_SIZES
from benchmarks.widgets.trials import BLOCK, TRIES

BAR = 1000 / 30
"""Two frames of a screen with 60 a second, in ms."""


def within(ms: float) -> str:
    return "met" if ms <= BAR else "**not met**"


def own(found: dict) -> str:
    """The ways to one picture, and none."""
    rows = [["", "size", "naive / this", "moves", "median ms", "95th percentile ms"]]
    for size, settings in OWN_SIZES.items():
        for design in DESIGNS:
            one = found[design.name][size]
            ratio = found["naive"][size]["median"] / one["median"]
            rows.append(
                [design.title, f"{size}, {settings['length']} tokens", f"{ratio:.1f}", one["n"],
                 f"{one['median']:.0f}", f"{one['p95']:.0f}"]
            )  # fmt: skip
    return table(rows)


def models(results: dict) -> str:
    """Models held and left."""
    rows = [["", "models held", "left after closing"]]
    pages = results["page"].values()
    most = {what: max(one[what] for one in pages) for what in ("held", "left")}
    rows.append([f"each of the {len(pages)} panels, at most", most["held"], most["left"]])
    for design in DESIGNS:
        one = results["own"][design.name]
        rows.append([design.title, one["held"], one["left"]])
    return table(rows)


def panels(found: dict) -> str:
    """Every panel that the page computes, against the bar."""
    rows = [
        ["", "settings", "moved", "first ms", "median ms", "95 % ms", "bar: median", "bar: 95 %"]
    ]
    nothing = spread([ms for one in found.values() for ms in one["empty"]])
    rows.append(["nothing drawn", "", "", "", *judged(nothing)])
    for explorer, one in found.items():
        for size in ("usual", "largest"):
            times = one[size]
            settings = said(LARGEST[explorer]) if size == "largest" else "usual"
            first = f"{times['first']:.0f}"
            rows.append([f"`{explorer}`", settings, times["moved"], first, *judged(times)])
    return table(rows)


def judged(times: dict) -> list[str]:
    middle, high = times["median"], times["p95"]
    return [f"{middle:.0f}", f"{high:.0f}", within(middle), within(high)]


def said(settings: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def verdict(found: dict) -> str:
    """How many panels meet the bar, in a sentence."""
    count = {
        (size, part): sum(one[size][part] <= BAR for one in found.values())
        for size in ("usual", "largest")
        for part in ("median", "p95")
    }
    total = len(found)
    return (
        f"With the usual settings the median of {count['usual', 'median']} of {total} panels lies "
        f"within the bar, and the 95th percentile of {count['usual', 'p95']}. With the largest it "
        f"is the median of {count['largest', 'median']} and the 95th percentile of "
        f"{count['largest', 'p95']}."
    )


def page(results: dict) -> str:
    """The whole README of this folder."""
    about = results["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    busy = (
        " Such a load is more than the benchmark makes: other work ran beside it. So its times are "
        "too long, and a panel near the bar should be timed again on a quiet machine."
    )
    sections = [
        "# How fast the live panels answer",
        "Written by `make bench-widgets`; do not edit. A key moves a control of a panel, in a "
        "notebook in JupyterLab, in Chromium, all on one machine. The clock starts with the "
        "browser's own stamp of the key or of the pasted text, before any handler runs, and stops "
        "when the frame that shows the new picture has been painted and handed over. The first "
        f"{WARM} moves of a series do not count. Times on another machine differ, and on a busy "
        "one they grow: read the ratios.",
        "## Your own encoding, beside a naive panel",
        "All panels of the library compute in the page. Only one with something of your own asks "
        'the kernel at each move, such as `attention_explorer(encodings={"mine": ...})`. Beside it '
        "stands what anybody writes first: `@interact` and a new matplotlib figure each time, with "
        "the same numbers from the same function, two maps and three curves. A third panel shows "
        "such a picture for a built-in encoding, which the page computes. A bare slider sends its "
        "place to the kernel, which sends it back, and draws nothing: what Jupyter itself takes on "
        "this machine, no panel can save. The four stand in one "
        f"notebook and take turns of {BLOCK} moves; the slider `scale` changes every score. The "
        "clock of `@interact` stops with the first frame after its image is decoded.",
        own(results["own"]),
        "## What a panel holds",
        "Widget models, each with a connection of its own between page and kernel, counted in the "
        "kernel: how many a panel adds, and how many of them are left after `close()` (of "
        "`@interact`: after `widget.close()`). A panel is one canvas and the layout that belongs "
        "to it.",
        models(results),
        "## Computed in the page: two frames",
        f"The bar is {BAR:.0f} ms, two frames of a screen that shows 60 a second. Every slider and "
        f"every text field that has an effect is moved {TRIES} times; the slowest of them is then "
        f"moved {results['options']['moves']} times and stands in the table. A slider goes one "
        "step to and fro; a text gets its own words in another order. Lists and boxes are not "
        "timed. The first move is the longest first one of any of these controls.",
        "A move waits for the next frame, in which the page computes and draws. The line of "
        "nothing is a bare slider that waits in the same way and draws no picture: what it takes, "
        "no panel can save, and a busy machine makes it longer.",
        verdict(results["page"]),
        panels(results["page"]),
        "## The machine",
        f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, "
        f"{about['system']}, Python {about['python']}, {about['browser']} (headless, no graphics "
        f"processor), {versions}. {about['date']}, load {about['load_at_start']} at the start, "
        f"{about['load_at_end']} at the end, at most {about['load_most']}; the browser, the server "
        f"and the kernel are part of it. {about['minutes']} minutes."
        f"{busy * (about['load_most'] > 2 * about['cores'])}",
    ]
    return "\n\n".join(sections) + "\n"
