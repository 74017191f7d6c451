"""What a model does with positions, read from its config.json.

python -m posenc_lib config.json [--picture FILE.png]

Prints the report and the wavelengths of its RoPE against the trained length. A config that is
refused is told on stderr, with exit code 2.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from posenc_lib.base.extras import extra
from posenc_lib.models.from_config import encoding_from_config
from posenc_lib.models.model_positions import ModelPositions
from posenc_lib.models.wavelengths import rotary_wavelengths, wavelength_chart


def main(arguments: list[str] | None = None) -> int:
    """Read the config that is named, print what it says, and draw it."""
    parser = argparse.ArgumentParser(
        prog="python -m posenc_lib", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("config", help="the path of a config.json")
    parser.add_argument("--picture", metavar="FILE.png", help="draw the wavelengths into a picture")
    chosen = parser.parse_args(arguments)
    try:
        positions = encoding_from_config(chosen.config)
        if chosen.picture:
            draw(positions, Path(chosen.picture))
    except (ValueError, TypeError, OSError, ImportError) as problem:
        print(problem, file=sys.stderr)
        return 2
    print(positions.report)
    chart = wavelength_chart(positions)
    if chart:
        print(f"\n{chart}")
    return 0


def draw(positions: ModelPositions, path: Path) -> None:
    """The wavelengths of all pairs as curves, and the stated lengths, written as a PNG."""
    with extra("notebooks"):
        from posenc_lib.plots.basic import curves
    rows = rotary_wavelengths(positions)
    if not rows:
        raise ValueError(
            f"--picture: {positions.family} turns nothing, so there are no wavelengths."
        )
    pairs = max(len(waves) for *_, waves in rows)
    named = [(f"{part}, {layers}", waves) for part, layers, waves in rows]
    for part in dict.fromkeys(part for part, *_ in rows):
        for length in dict.fromkeys(one for one in positions.lengths[part] if one):
            named.append((f"{part}: {length:,} positions", np.full(pairs, float(length))))
    ys = np.full((len(named), pairs), np.nan)
    for row, (_, waves) in zip(ys, named, strict=True):
        row[: len(waves)] = np.where(np.isinf(waves), np.nan, waves)
    figure = curves(
        np.arange(pairs), ys, [label for label, _ in named], "pair", "wavelength in positions",
        title=f"{positions.family}: wavelengths of RoPE", log_y=True,
    )  # fmt: skip
    path.write_bytes(figure.png())


if __name__ == "__main__":
    sys.exit(main())
