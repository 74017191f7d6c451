"""Writes posenc_lib/data/china_pieces.safetensors: four more pieces of the photograph.

    lake, bushes     squares of china.jpg, each 5 x 5 or 3 x 3 pixels averaged into one
    roofs            the middle of the tower, and "roofs, turned", the same turned by 45 degrees

The middle is sampled at 256 x 256 points, four for each side of a pixel, with the grey between two
pixels of the file in proportion; upright and turned alike, so that nothing but the turn differs.
scikit-learn carries the file, and Pillow reads it:

    .venv/bin/python tools/china_pieces.py

Put the checksum that it prints into `posenc_lib/data/README.md` and `pictures/photograph.py`.
"""

import hashlib
import math
from pathlib import Path

import torch
from safetensors.torch import save
from sklearn.datasets import load_sample_image

TARGET = Path(__file__).parents[1] / "posenc_lib" / "data" / "china_pieces.safetensors"
SIDE = 64
MIDDLE, WIDE = (176, 208), 226  # of the tower's own square; what fits into it when it is turned


def averaged(image, row, column, step):
    """The square of 64 x 64 means of step x step pixels that begins at (row, column)."""
    part = image[row : row + SIDE * step, column : column + SIDE * step]
    return part.view(SIDE, step, SIDE, step, 3).mean((1, 3))


def sampled(image, *, turned):
    """The middle of the tower, upright or turned."""
    points = ((torch.arange(4 * SIDE) + 0.5) / (4 * SIDE) - 0.5) * WIDE
    down, right = torch.meshgrid(points, points, indexing="ij")
    if turned:
        down, right = (down + right) / math.sqrt(2), (right - down) / math.sqrt(2)
    height, width = image.shape[:2]
    at = [(right + MIDDLE[1]) / width * 2 - 1, (down + MIDDLE[0]) / height * 2 - 1]
    found = torch.nn.functional.grid_sample(
        image.permute(2, 0, 1)[None], torch.stack(at, -1)[None], align_corners=False
    )
    return averaged(found[0].permute(1, 2, 0), 0, 0, 4)


def pieces():
    """The four pieces by name, whole numbers from 0 to 255."""
    image = torch.tensor(load_sample_image("china.jpg"), dtype=torch.float32)
    found = {
        "lake": averaged(image, 16, 320, 5),
        "bushes": averaged(image, 235, 320, 3),
        "roofs": sampled(image, turned=False),
        "roofs, turned": sampled(image, turned=True),
    }
    return {name: piece.round().to(torch.uint8) for name, piece in found.items()}


def main():
    content = save(pieces())
    TARGET.write_bytes(content)
    print(hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    main()
