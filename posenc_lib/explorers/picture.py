"""The panel of notebook 12: a photograph comes up, for each scale of its features and each step.

The pictures are those of `stored_pictures`, painted once: nobody waits for training. The page gets
every frame as numbers of its own 256 colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from posenc_lib.experiments.pictures.photograph import (
    neighbour_mean,
    photograph,
    psnr,
    seen_pixels,
)
from posenc_lib.experiments.pictures.stored_pictures import (
    SCALES,
    SEED,
    STEPS,
    all_frames,
    frame,
    frame_psnr,
)
from posenc_lib.explorers.panel import Choice, LogSlider, Panel
from posenc_lib.plots.views import Curves, Heatmap, View

FEATURES = {"random Fourier features": "random", "raw coordinates": "raw"}
LABELS = ("row (pixels)", "column (pixels)", "brightness")
LIGHT = (0.299, 0.587, 0.114)  # how bright red, green and blue are to the eye (Rec. 601)
PARTS = ("seen pixels", "held-out pixels")
RULE = "held out, mean of four neighbours"
QUESTION = (
    "Which scale do the seen pixels choose after 320 steps, and which the held-out ones? At which "
    "scale is the grey of the first steps better than the finished picture?"
)


def picture_explorer(
    *, question: str | None = None, front: Sequence[str] | None = None, **settings: object
) -> Panel:
    """A network paints a photograph of which it has seen half of the pixels.

    - The picture so far; a tap reads a pixel, and whether it was seen.
    - What it was shown: the other half is grey.
    - How near it comes, over the steps and over the scales; a tap chooses.

    Controls: `features` ("random", "raw"), `scale` of the random features, `step` of the training.
    Pictures are stored at scales 0.5 to 16 and steps 10 to 320, and the nearest one is shown, as
    factors go. `question` and `front` (the controls in sight) stand in the head of the panel
    instead of its own.

    Raises ValueError for a setting out of its range.

    >>> panel = picture_explorer(scale=3.7, step=300)
    >>> panel.views[0].name
    'scale 4, after 320 steps'
    """
    return Panel(
        title="A photograph from places",
        controls=[
            Choice("features", "random", FEATURES),
            LogSlider(
                "scale", 1.0, SCALES[0], SCALES[-1], label="scale of the features",
                needs=("features", ("random",)),
            ),
            LogSlider("step", 20.0, STEPS[0], STEPS[-1], label="training (steps)"),
        ],
        compute=_views,
        explorer="picture_explorer",
        settings=settings,
        page="picture",
        data=_data(),
        question=question or QUESTION,
        front=front or ("features", "scale", "step"),
    )  # fmt: skip


def _views(features: str, scale: float, step: float) -> list[View]:
    step, near = int(nearest(STEPS, step)), nearest(SCALES, scale)
    shown = near if features == "random" else None
    seen, texts = seen_pixels(SEED).numpy(), _texts()
    painted = frame(shown, step)
    truth = (photograph() * 255).round().to(torch.uint8)
    name = f"scale {near:g}" if shown else "raw coordinates"
    by_step = np.array([frame_psnr(shown, at) for at in STEPS]).T
    by_scale = np.array([frame_psnr(at, step) for at in SCALES]).T
    rule = np.full(len(SCALES), _rule())
    look: dict[str, Any] = {"square": True, "numbers": False, "texts": texts}
    low, high = _limits()
    return [
        Heatmap(
            f"{name}, after {step} steps", brightness(painted), *LABELS, (0, 1), "sequential",
            colours=packed(painted), **look,
        ),
        Heatmap(
            "what it was shown", np.where(seen, brightness(truth), np.nan), *LABELS, (0, 1),
            "sequential", colours=packed(truth), **look,
        ),
        Curves(
            f"{name}: how near, step by step", STEPS, by_step, PARTS, "training (steps)",
            "PSNR (dB)", (low, high), log_x=True, marks=[(step, f"{step}")], picks=("step", None),
        ),
        Curves(
            f"after {step} steps: how near, by scale", SCALES, [*by_scale, rule], (*PARTS, RULE),
            "scale of the features", "PSNR (dB)", (low, high), log_x=True,
            marks=[(near, f"{near:g}")] if shown else [], picks=("scale", None),
        ),
    ]  # fmt: skip


def nearest(stored: Sequence[float], wanted: float) -> float:
    """The stored number whose logarithm is nearest, the smaller of two.

    >>> nearest((1, 2, 4), 2.9), nearest((1, 2, 4), 2.8)
    (4, 2)
    """
    away = np.abs(np.log(np.array(stored)) - np.log(wanted))
    return stored[int(away.argmin())]


def brightness(picture: UInt8[Tensor, "rows columns 3"]) -> np.ndarray:
    """From 0 to 1, the sum of the colours as the eye weighs them.

    >>> brightness(torch.full((1, 1, 3), 255, dtype=torch.uint8)).round(6)
    array([[1.]])
    """
    return picture.numpy().astype(float) @ LIGHT / 255


def packed(picture: UInt8[Tensor, "rows columns 3"]) -> np.ndarray:
    """A whole number 0xRRGGBB for each pixel.

    >>> [f"{value:06x}" for value in packed(torch.tensor([[[1, 2, 255]]], dtype=torch.uint8))[0]]
    ['0102ff']
    """
    return picture.numpy().astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32)


@cache
def _texts() -> list[list[str]]:
    return [["seen" if cell else "held out" for cell in row] for row in seen_pixels(SEED).tolist()]


@cache
def _rule() -> float:
    seen, truth = seen_pixels(SEED), photograph()
    return psnr(neighbour_mean(truth, seen), truth, ~seen)


@cache
def _limits() -> tuple[float, float]:
    scores = all_frames()["psnr"]
    return float(scores.min()) - 1, float(scores.max()) + 1


def _data() -> dict[str, Any]:
    """What the page takes from the library: see `page_picture.js`."""
    kept = all_frames()
    truth = (photograph() * 255).round().to(torch.uint8)
    return {
        "frames": kept["frames"].numpy().tobytes(),
        "colours": kept["colours"].numpy().tobytes(),
        "psnr": kept["psnr"].numpy().tobytes(),
        "photograph": truth.numpy().tobytes(),
        "seen": seen_pixels(SEED).to(torch.uint8).numpy().tobytes(),
        "side": truth.shape[0],
        "scales": list(SCALES),
        "steps": list(STEPS),
        "rule": _rule(),
        "limits": list(_limits()),
        "light": list(LIGHT),
        "labels": list(LABELS),
        "parts": list(PARTS),
        "ruleName": RULE,
    }
