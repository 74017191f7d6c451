"""Digits drawn pixel by pixel: what does a place tell about the next grey?

    p(image) = product over t of p(grey_t | grey_1 .. grey_(t-1)),     t = 1 .. 64, row by row

A decoder reads a start token and the greys so far, and says how likely each of the 17 greys is at
the next place. What it is worth is counted in bits a pixel: -log2 p of the true grey, the mean over
the test images. A token's position is that of the pixel it has to say, not of the one it holds.

`place_histogram` is the rule to beat: how often does each grey stand at this place? It knows the
place and nothing of the image.

Source: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", section 2 (the task); Child et
al. 2019, "Generating Long Sequences with Sparse Transformers", section 6 (with attention).

The trap: samples that look good because they are training images. `nearest` says how far each is
from the closest of them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.experiments.data.digit_images import split_digits
from posenc_lib.experiments.parts.parallel import every_run, side_by_side
from posenc_lib.experiments.parts.records import Record, Results
from posenc_lib.experiments.parts.training import cross_entropy, seeded, train
from posenc_lib.experiments.parts.training_settings import Batch
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.experiments.pictures.pixel_settings import (
    OPTIONS,
    RATES_OF,
    TASKS,
    TRIED,
    PixelsSettings,
)

GREYS, PIXELS = 17, 64
START = GREYS  # the token before the first pixel
BITS, BITS_TRIED = "bits per pixel", "bits per pixel, validation"
HISTOGRAM = "histogram per place"


def grey_images(split: str) -> Int64[Tensor, "images 64"]:
    """The digits of "train", "validation" or "test" as rows of greys from 0 to 16.

    Raises ValueError for another split.

    >>> grey_images("test").shape
    torch.Size([360, 64])
    """
    return (split_digits(split)[0] * (GREYS - 1)).round().long().flatten(1)


def with_start(images: Int64[Tensor, "images 64"]) -> Batch:
    """What the model reads, a start token and all pixels but the last, and what it has to say.

    >>> with_start(grey_images("test")).x[0, :2].tolist()
    [17, 0]
    """
    first = images.new_full((len(images), 1), START)
    return Batch(torch.cat([first, images[:, :-1]], 1), images)


def trained_pixels(
    settings: PixelsSettings,
    task: str,
    encoding: str,
    seed: int,
    *,
    options: dict[str, Any] | None = None,
) -> TinyTransformer:
    """A decoder that has learned to draw the training digits.

    `options` go to the encoding; those of the experiment (`OPTIONS`) unless given.

    Raises ValueError for another task or encoding.
    """
    dim, heads, layers = TASKS[validation.choice("trained_pixels", "task", task, tuple(TASKS))]
    images = grey_images("train")
    model = seeded(
        lambda: TinyTransformer(
            vocabulary=GREYS + 1, outputs=GREYS, dim=dim, heads=heads, layers=layers,
            encoding=encoding, length=PIXELS, causal=True,
            options=OPTIONS.get(encoding) if options is None else options,
        ),
        seed,
    )  # fmt: skip

    def draw(generator: torch.Generator, rows: int) -> Batch:
        return with_start(images[torch.randint(len(images), (rows,), generator=generator)])

    train(model, draw, settings.training, seed=seed)
    return model


@torch.no_grad()
def bits_per_pixel(model: TinyTransformer, split: str = "test") -> float:
    """How many bits the model needs for a pixel of these images, on average.

    Raises ValueError for another split, and like the model.
    """
    batch = with_start(grey_images(split))
    return float(cross_entropy(model(batch.x), batch.target)) / math.log(2)


def place_shares() -> Float64[Tensor, "64 17"]:
    """The share of each grey at each place of the training digits, every count raised by 1.

    >>> place_shares().sum(1).round(decimals=6).unique()
    tensor([1.], dtype=torch.float64)
    """
    counts = torch.ones(PIXELS, GREYS, dtype=torch.float64)
    images = grey_images("train")
    places = torch.arange(PIXELS).expand_as(images)
    counts.index_put_((places, images), torch.ones((), dtype=torch.float64), accumulate=True)
    return counts / counts.sum(1, keepdim=True)


def place_histogram(split: str = "test") -> float:
    """Bits per pixel of these images for one who knows `place_shares` and nothing else.

    Raises ValueError for another split.

    >>> 2.0 < place_histogram() < math.log2(GREYS)
    True
    """
    images = grey_images(split)
    said = place_shares()[torch.arange(PIXELS).expand_as(images), images]
    return -float(said.log2().mean())


@torch.no_grad()
def drawn_digits(model: TinyTransformer, number: int, seed: int) -> Int64[Tensor, "images 64"]:
    """Digits drawn by the model: each pixel from what it says, then read with the others.

    Raises TypeError for a number or seed that is no integer, ValueError for one out of range.
    """
    number = validation.size("drawn_digits", "number", number)
    seed = validation.size("drawn_digits", "seed", seed, minimum=0)
    generator = torch.Generator().manual_seed(seed)
    row = torch.full((number, 1), START)
    for _ in range(PIXELS):
        shares = model(row)[:, -1].softmax(-1)
        row = torch.cat([row, torch.multinomial(shares, 1, generator=generator)], 1)
    return row[:, 1:]


def nearest(
    images: Int64[Tensor, "images pixels"], others: Int64[Tensor, "others pixels"]
) -> Int64[Tensor, " images"]:
    """For each image the smallest sum of grey differences to any of the others; 0 is a copy.

    Raises ValueError for images that are not (images, pixels) of the same size.

    >>> nearest(torch.tensor([[1, 2], [5, 5]]), torch.tensor([[1, 2], [5, 7]])).tolist()
    [0, 2]
    """
    for name, value in (("images", images), ("others", others)):
        validation.rank("nearest", name, value, axes="images pixels")
    validation.last_axis("nearest", "others", others, "pixels", images.shape[1])
    return (images[:, None] - others[None]).abs().sum(-1).amin(1)


def pixels_run(settings: PixelsSettings, task: str, encoding: str, seed: int) -> list[Record]:
    """Train one model; its bits per pixel on test images."""
    model = trained_pixels(settings, task, encoding, seed)
    return [Record(task, encoding, seed, PIXELS, BITS, bits_per_pixel(model))]


def rate_run(settings: PixelsSettings, encoding: str, rate: float) -> list[Record]:
    """Train one model with a rate that is tried; its bits per pixel on validation images."""
    seed, training = settings.tried_seed, replace(settings.training, rate=rate)
    model = trained_pixels(replace(settings, training=training), TRIED, encoding, seed)
    value = bits_per_pixel(model, "validation")
    return [Record(RATES_OF, encoding, seed, PIXELS, BITS_TRIED, value, {"rate": rate})]


def pixels(settings: PixelsSettings | None = None, *, jobs: int | None = None) -> Results:
    """Bits per pixel for each size of the model, encoding and seed, beside the histogram's.

    The task "rates" gives each encoding's bits on validation images at every rate that is tried.

    Raises like `side_by_side`.

    Source: van den Oord et al. 2016, section 5.1 (bits a dimension).
    """
    settings = PixelsSettings() if settings is None else settings
    sizes = tuple(task for task in settings.tasks if task != RATES_OF)
    found = side_by_side(pixels_run, every_run(replace(settings, tasks=sizes)), jobs=jobs)
    if RATES_OF in settings.tasks:
        tried = [
            {"settings": settings, "encoding": encoding, "rate": setting["rate"]}
            for encoding, setting in settings.variants(RATES_OF)
        ]
        found = side_by_side(rate_run, tried, jobs=jobs) + found
    return found + [
        Record(task, HISTOGRAM, None, PIXELS, BITS, place_histogram()) for task in sizes
    ]
