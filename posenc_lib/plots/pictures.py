"""Figures of notebook 12: what was painted, how near it comes, and digits that were drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from torch import Tensor

from posenc_lib.experiments.parts.records import Results
from posenc_lib.experiments.pictures.photo_settings import DRAWN, HELD_OUT, RULES, SEEN
from posenc_lib.experiments.pictures.pixel_models import BITS, GREYS, HISTOGRAM
from posenc_lib.plots.palette import MISSING
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    settled,
    teaching_style,
)
from posenc_lib.registry import encodings

SHOWN, HIDDEN = CYCLE[0], CYCLE[1]  # seen and held-out pixels, the same in panel and figures


def half_shown(
    photograph: Float[Tensor, "rows columns 3"], seen: Bool[Tensor, "rows columns"]
) -> TeachingFigure:
    """The photograph, and beside it what a network is shown: the other pixels are grey.

    >>> import torch
    >>> half_shown(torch.zeros(2, 2, 3), torch.eye(2, dtype=torch.bool)).alt[-39:]
    '2 of its 4 pixels; the others are grey.'
    """
    rows, columns = seen.shape
    figure = TeachingFigure(
        f"Two pictures of {rows} x {columns} pixels. Left, a photograph. Right, what the network "
        f"is shown of it: {int(seen.sum()):,} of its {seen.numel():,} pixels; the others are grey.",
        (8.6, 4.4),
    )
    grey = np.array([int(MISSING[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    half = np.where(seen.numpy()[..., None], photograph.numpy(), grey)
    with teaching_style():
        faces = figure.subplots(1, 2)
        _picture(faces[0], photograph.numpy(), "the photograph")
        _picture(faces[1], half, "what the network is shown")
        faces[0].set(xlabel="column (pixels)", ylabel="row (pixels)")
        faces[1].set(xlabel="column (pixels)")
    return settled(figure)


def paintings(
    painted: Mapping[str, Float[Tensor, "rows columns 3"]], said: Sequence[str], columns: int = 4
) -> TeachingFigure:
    """Pictures side by side, each under its name; `said` are the words for each of them.

    >>> import torch
    >>> paintings({"fog": torch.zeros(2, 2, 3)}, ["nothing but grey"]).alt
    'A picture of 2 x 2 pixels. fog: nothing but grey.'
    """
    first = next(iter(painted.values()))
    many = "A picture" if len(painted) == 1 else f"{len(painted)} pictures"
    told = (f"{name}: {words}" for name, words in zip(painted, said, strict=True))
    columns = min(columns, len(painted))
    rows = -(-len(painted) // columns)
    figure = TeachingFigure(
        f"{many} of {first.shape[0]} x {first.shape[1]} pixels. {'; '.join(told)}.",
        (2.9 * columns, 3.1 * rows + 0.1),
    )
    with teaching_style():
        faces = figure.subplots(rows, columns, squeeze=False).ravel()
        for face, (name, picture) in zip(faces, painted.items(), strict=False):
            _picture(face, picture.numpy(), name)
            face.set(xticks=[], yticks=[])
        for face in faces[len(painted) :]:
            face.set_axis_off()
    return settled(figure)


def scales(found: Results) -> TeachingFigure:
    """PSNR over the scale of random features, seen and held out, with two rules as lines.

    >>> from posenc_lib.experiments import full_results
    >>> scales(full_results("photo")).alt[:32]
    'PSNR in dB of the painted pictur'
    """
    runs = found.where(task="scales")
    drawn = runs.where(encoding=DRAWN)
    given = [setting["scale"] for setting in drawn.values("setting")]
    means, spreads = ({}, {})
    for part in (SEEN, HELD_OUT):
        each = [drawn.where(metric=part, setting={"scale": scale}) for scale in given]
        means[part] = [one.mean() for one in each]
        spreads[part] = [one.spread() for one in each]
    rules = {rule: runs.mean(encoding=rule, metric=HELD_OUT) for rule in RULES}
    told = ", ".join(
        f"scale {scale:g}: {seen:.1f} and {hidden:.1f}"
        for scale, seen, hidden in zip(given, means[SEEN], means[HELD_OUT], strict=True)
    )
    ruled = ", ".join(f"{rule}: {value:.1f}" for rule, value in rules.items())
    figure = TeachingFigure(
        f"PSNR in dB of the painted picture, on seen and on held-out pixels, mean over "
        f"{len(drawn.values('seed'))} seeds, the spread as a bar. {told}. Held out, {ruled}.",
        (9.0, 4.6),
    )
    with teaching_style():
        face = figure.subplots()
        looks = {SEEN: (SHOWN, "o", "seen pixels"), HELD_OUT: (HIDDEN, "s", "held-out pixels")}
        for part, (colour, marker, label) in looks.items():
            face.errorbar(
                given, means[part], spreads[part], color=colour, marker=marker, capsize=4,
                label=label,
            )  # fmt: skip
        for (rule, value), style in zip(rules.items(), ("--", ":"), strict=True):
            face.axhline(value, color=HIDDEN, linestyle=style, linewidth=1.4, label=rule)
        face.set_xscale("log", base=2)
        face.set_xticks(given, [f"{scale:g}" for scale in given])
        face.set(xlabel="scale of the features (turns per half of the picture)", ylabel="PSNR (dB)")
        face.grid(alpha=0.3)
        figure.legend(loc="outside right upper")
    return settled(figure)


def bits(found: Results) -> TeachingFigure:
    """Bits per pixel of each encoding, a panel for each size of the model; the histogram as a line.

    Small dots are the seeds, beside their mean and spread.

    >>> from posenc_lib.experiments import full_results
    >>> bits(full_results("pixels")).alt[:24]
    'Bits per pixel on test i'
    """
    found = found.where(metric=BITS)  # those of the tried rates are of validation images
    tasks = found.values("task")
    names = [name for name in found.values("encoding") if name != HISTOGRAM]
    titles = [encodings()[name].title for name in names]
    rule = found.where(task=tasks[0]).mean(encoding=HISTOGRAM)
    told = []
    for task in tasks:
        named = zip(titles, names, strict=True)
        numbers = (f"{title} {found.mean(task=task, encoding=name):.2f}" for title, name in named)
        told.append(f"{task}: {', '.join(numbers)}")
    seeds = [seed for seed in found.values("seed") if seed is not None]
    figure = TeachingFigure(
        f"Bits per pixel on test images, the fewer the better, mean over {len(seeds)} seeds with "
        f"the spread as a bar; a histogram for each place needs {rule:.2f}. {'; '.join(told)}.",
        (10.0, 4.2),
    )
    with teaching_style():
        faces = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for face, task in zip(faces, tasks, strict=True):
            for place, name in enumerate(names):
                runs = found.where(task=task, encoding=name)
                face.errorbar(
                    [place], [runs.mean()], [runs.spread()], fmt="o", color=CYCLE[0], capsize=4
                )
                each = [run.value for run in runs]
                face.plot([place + 0.25] * len(each), each, ".", color=CYCLE[0], alpha=0.5)
            face.axhline(rule, color="grey", linestyle="--", linewidth=1.4, label=HISTOGRAM)
            face.set_xticks(range(len(names)), titles, rotation=40, ha="right")
            face.tick_params(axis="x", labelsize=11)
            face.set(title=task)
            face.grid(alpha=0.3, axis="y")
        faces[0].set_ylabel(BITS)
        figure.legend(*faces[0].get_legend_handles_labels(), loc="outside upper right")
    return settled(figure)


def digits(drawn: Mapping[str, Int[Tensor, "images 64"]], side: int = 8) -> TeachingFigure:
    """Digits as strips, one below the other, each under its name; 0 is black, 16 is white.

    >>> import torch
    >>> digits({"mine": torch.zeros(3, 64, dtype=torch.long)}).alt
    'Strips of 3 digits of 8 x 8 pixels: mine.'
    """
    number = len(next(iter(drawn.values())))
    figure = TeachingFigure(
        f"Strips of {number} digits of {side} x {side} pixels: {', '.join(drawn)}.",
        (10.0, (10.0 / number + 0.3) * len(drawn)),
    )
    look: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": GREYS - 1}
    with teaching_style():
        for face, (name, images) in zip(
            np.ravel(figure.subplots(len(drawn), 1)), drawn.items(), strict=True
        ):
            strip = np.full((side, number * (side + 1) - 1), np.nan)
            for at, image in enumerate(images.numpy()):
                strip[:, at * (side + 1) : at * (side + 1) + side] = image.reshape(side, side)
            face.imshow(strip, **look)
            face.set_title(name, loc="left", fontsize=12)
            face.set(xticks=[], yticks=[])
            face.spines[:].set_visible(False)
    return settled(figure)


def _picture(face: Axes, picture: np.ndarray, name: str) -> None:
    face.imshow(picture.clip(0, 1), interpolation="nearest")
    face.set_title(name)
    face.spines[:].set_visible(False)
