"""The pictures that ship: how the photograph comes up, and digits that the models drew.

    python -m posenc_lib.experiments.pictures.stored_pictures    makes them again, in three minutes

- frames: the photograph as networks paint it, for each scale of random features and for raw
  coordinates, after each of `STEPS`. A frame is kept as 64 x 64 numbers of colours and a list of
  256 colours of its own, a third of the size.
- drawn: `DIGITS` digits from the models of three encodings.

So the panel of notebook 12 is there at once, and every machine shows the same.

The trap: a score of a picture that was stored with fewer colours. The PSNR beside the frames is
that of the colours as they were painted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.experiments import shipped_tensors
from posenc_lib.experiments.pictures.photo_models import trained_painter
from posenc_lib.experiments.pictures.photo_settings import DRAWN, RAW, PhotographSettings
from posenc_lib.experiments.pictures.photograph import SHAPE, photograph, psnr, seen_pixels
from posenc_lib.experiments.pictures.pixel_models import drawn_digits, trained_pixels
from posenc_lib.experiments.pictures.pixel_settings import TASKS, PixelsSettings

NAME = "pictures"
SCALES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
STEPS = (10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320)  # each the square root of 2 times longer
COLOURS = 256  # of a frame
PARTS = ("frames", "digits")
SEED, DIGITS = 0, 24
TASK, SAMPLED = next(iter(TASKS)), ("none", "sinusoidal", "rope_2d")


def frame(scale: float | None, step: int) -> UInt8[Tensor, "64 64 3"]:
    """The photograph after so many steps, with random features of a scale, or None for raw ones.

    Raises ValueError for a scale or step that is not stored, OSError for a damaged file.

    >>> frame(4.0, 320).shape
    torch.Size([64, 64, 3])
    """
    row, column = _place(scale, step)
    return _stored()["colours"][row, column][_stored()["frames"][row, column].long()]


def frame_psnr(scale: float | None, step: int) -> tuple[float, float]:
    """PSNR in dB on the pixels that were seen, and on those held out, of `frame`.

    Raises like `frame`.

    >>> [value > 15 for value in frame_psnr(4.0, 320)]
    [True, True]
    """
    row, column = _place(scale, step)
    seen, held_out = _stored()["psnr"][row, column].tolist()
    return seen, held_out


def all_frames() -> dict[str, Tensor]:
    """What is stored of all frames: "frames" (scales, steps, 64, 64), raw coordinates first, as
    places in "colours" (scales, steps, 256, 3), and "psnr" (scales, steps, 2).

    Raises OSError for a damaged file.

    >>> all_frames()["frames"].dtype
    torch.uint8
    """
    return {name: _stored()[name] for name in ("frames", "colours", "psnr")}


def stored_digits(encoding: str) -> Int64[Tensor, "images 64"]:
    """The digits that the model with this encoding drew, row by row, greys from 0 to 16.

    Raises ValueError for another encoding, OSError for a damaged file.

    >>> stored_digits("rope_2d").shape
    torch.Size([24, 64])
    """
    validation.choice("stored_digits", "encoding", encoding, SAMPLED)
    return _stored()[f"drawn {encoding}"].long()


def stored_settings() -> dict[str, Any]:
    """The settings and versions that made the stored pictures.

    >>> stored_settings()["photograph"]["training"]["steps"]
    320
    """
    about = shipped_tensors.about(NAME)
    return {name: about[name] for name in ("photograph", "pixels", "versions")}


def write_pictures(parts: Sequence[str] = PARTS, folder: Path | None = None) -> Path:
    """Train the networks and write what they painted and drew: three minutes on one core.

    `parts` are "frames" and "digits"; the other one stays as it is stored. Beside the file stand
    its checksum and the settings and versions that made it.

    Raises ValueError for another part.
    """
    plan, pixels = PhotographSettings(), PixelsSettings()
    kept = {} if set(parts) == set(PARTS) else dict(_stored())
    for part in parts:
        validation.choice("write_pictures", "parts", part, PARTS)
        kept |= _painted(plan) if part == "frames" else _drawn(pixels)
    made_by = {"photograph": as_plain(plan), "pixels": as_plain(pixels)}
    return shipped_tensors.write(NAME, kept, made_by, folder)


def _painted(plan: PhotographSettings) -> dict[str, Tensor]:
    truth, seen = photograph(), seen_pixels(SEED)
    frames, colours, scores = [], [], []
    for scale in (None, *SCALES):
        kind, setting = (RAW, {}) if scale is None else (DRAWN, {"scale": scale})
        painted = dict.fromkeys(STEPS, torch.zeros(0))
        trained_painter(plan, kind, setting, SEED, painted=painted)
        for picture in painted.values():
            numbers, list_of = few_colours(picture)
            frames.append(numbers)
            colours.append(list_of)
            scores.append([psnr(picture, truth, where) for where in (seen, ~seen)])
    shape = (1 + len(SCALES), len(STEPS))
    return {
        "frames": torch.stack(frames).view(*shape, *SHAPE),
        "colours": torch.stack(colours).view(*shape, COLOURS, 3),
        "psnr": torch.tensor(scores, dtype=torch.float32).view(*shape, 2),
    }


def _drawn(plan: PixelsSettings) -> dict[str, Tensor]:
    models = {name: trained_pixels(plan, TASK, name, SEED) for name in SAMPLED}
    return {
        f"drawn {name}": drawn_digits(model, DIGITS, SEED).to(torch.uint8)
        for name, model in models.items()
    }


def as_plain(settings: Any) -> dict[str, Any]:
    """Settings in the form in which they are stored.

    >>> as_plain(PixelsSettings())["seeds"]
    [0, 1, 2, 3, 4]
    """
    return json.loads(json.dumps(asdict(settings)))


def few_colours(
    picture: Float32[Tensor, "rows columns 3"],
) -> tuple[UInt8[Tensor, "rows columns"], UInt8[Tensor, "256 3"]]:
    """A picture as numbers of its 256 colours, and those: the box in which one of red, green and
    blue has the largest sum of squares is cut at its median, until there are 256.

    Raises ValueError for anything but (rows, columns, 3).

    Source: Heckbert 1982, "Color Image Quantization for Frame Buffer Display" (median cut).

    >>> numbers, colours = few_colours(torch.tensor([[[0.0, 0.5, 1.0], [1.0, 1.0, 1.0]]]))
    >>> colours[numbers.long()].tolist()
    [[[0, 128, 255], [255, 255, 255]]]
    """
    validation.floating("few_colours", "picture", picture, axes="rows columns 3")
    validation.last_axis("few_colours", "picture", picture, "colours", 3)
    pixels = (picture * 255).round().clamp(0, 255).flatten(0, 1).numpy()
    boxes = [np.arange(len(pixels))]
    while len(boxes) < COLOURS:
        spreads = [pixels[box].var(0) * len(box) for box in boxes]
        widest = int(np.argmax([spread.max() for spread in spreads]))
        if spreads[widest].max() == 0:
            break
        box = boxes.pop(widest)
        order = box[np.argsort(pixels[box, spreads[widest].argmax()], kind="stable")]
        boxes += [order[: len(order) // 2], order[len(order) // 2 :]]
    numbers = np.zeros(len(pixels), np.uint8)
    colours = np.zeros((COLOURS, 3), np.uint8)
    for number, box in enumerate(boxes):
        numbers[box] = number
        colours[number] = pixels[box].mean(0).round()
    return torch.from_numpy(numbers).view(picture.shape[:2]), torch.from_numpy(colours)


def _place(scale: float | None, step: int) -> tuple[int, int]:
    known: tuple[float | None, ...] = (None, *SCALES)
    if scale not in known or step not in STEPS:
        raise validation.refuse(
            ValueError, "frame", "scale, step", (scale, step),
            f"a scale among {known} and a step among {STEPS}", "Take the nearest one.",
        )  # fmt: skip
    return known.index(scale), STEPS.index(step)


def _stored() -> dict[str, Tensor]:
    return shipped_tensors.tensors("frame", NAME)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(write_pictures(sys.argv[1:] or PARTS))
