"""`python -m tests.parity.table` runs every case and writes README.md beside this file."""

from __future__ import annotations

from pathlib import Path

import torch

from posenc_lib import encodings
from tests.parity import EQUATION, Case, all_cases

PAGE = Path(__file__).with_name("README.md")
HEAD = """\
# What each encoding was compared with

Written by `make parity` from the cases in this folder; do not edit. Each case computes the same
thing twice, with `posenc_lib` and with the reference, and takes the largest absolute difference of
all numbers ("difference"); `make test` fails when it is larger than the case's bound. "Changed
before comparing" is what had to be done to one side because the reference follows another
convention. Each encoding has a published implementation where one installs; a plain loop, written
from the paper's equation or from its released code, stands beside it or in its place. Bounds near
1e-12 are float64 against float64; those from 1e-7 to 1e-4 are set by a reference that computes in
float32.

| encoding | reference | function or equation | changed before comparing | difference | bound |
|---|---|---|---|--:|--:|
"""


def row(case: Case, difference: str) -> str:
    """One line of the table."""
    entries = encodings()
    title = entries[case.encoding].title if case.encoding in entries else case.encoding
    reference = case.reference
    if reference != EQUATION:
        reference = f"{case.reference} {case.version}"
    cells = [f"{title} (`{case.encoding}`)", reference, case.what, case.transformation]
    return "| " + " | ".join([*cells, difference, f"{case.bound:.0e}"]) + " |"


def in_order(cases: list[Case]) -> list[Case]:
    """As in the registry; what is not in it comes last."""
    order = {name: n for n, name in enumerate(encodings())}
    return sorted(cases, key=lambda case: order.get(case.encoding, len(order)))


def main() -> None:
    torch.set_num_threads(1)
    rows = [row(case, f"{case.difference():.1e}") for case in in_order(all_cases())]
    PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
