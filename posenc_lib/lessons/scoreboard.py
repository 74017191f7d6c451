"""The scoreboard at the end of notebooks 00 to 06: a row for each encoding, every entry measured.

`experiments.score_rows` measures, in PyTorch, and writes `scoreboard.json`; here it is read
and shown, so that a notebook without PyTorch can show it too. A test measures all rows again.
"""

from __future__ import annotations

import html
import json
from functools import cache
from importlib.resources import files

from posenc_lib.base import validation

FILE = "scoreboard.json"
COLUMNS = {
    "order": "knows order? (no mask)",
    "direction": "knows direction? (no mask)",
    "any_place": "same at any place?",
    "longer": "longer than trained: loss at 32 and 256 tokens",
    "trained": "numbers to train",
    "memory": "memory for n tokens",
}
NOTE = (
    "One layer, no mask, dim 64, 4 heads, tables for 512 tokens. Order: shuffled words give more "
    "than shuffled outputs. Direction: the same for words read backwards. Any place: nothing "
    "changes when all positions move by 100. Longer: loss in nats of small text models trained on "
    "32 tokens, there and on 256, mean of three seeds. Memory: numbers in the largest array "
    "that the encoding makes for one text."
)


class scoreboard:
    """A table of encodings and of what each can do.

    Args:
        names: Names of the registry, in the order of the rows.
        new: The names that the notebook has just met; they stand in bold.
        own: Rows of encodings of your own, measured now: `mine=score_row(MyEncoding())`, with
            `score_row` from `posenc_lib.experiments`.

    Raises:
        ValueError: A name that is not on the board.

    Source: our own measurements; what each column means folds out under the table.

    >>> scoreboard("none", "sinusoidal").rows["sinusoidal"]["direction"]
    'yes'
    """

    def __init__(self, *names: str, new: str | tuple[str, ...] = (), **own: dict[str, str]) -> None:
        board = _board()
        for name in names:
            validation.choice("scoreboard", "names", name, tuple(board))
        self.new = {new} if isinstance(new, str) else set(new)
        self.rows: dict[str, dict[str, str]] = {name: board[name] for name in names}
        self.rows |= own
        self.new |= set(own)

    def __repr__(self) -> str:
        lines = [["encoding", *COLUMNS.values()]]
        lines += [[row["title"], *(row[key] for key in COLUMNS)] for row in self.rows.values()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = (
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )
        return "\n".join(line.rstrip() for line in padded)

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th>{html.escape(title)}</th>" for title in ("encoding", *COLUMNS.values())
        )
        body = ""
        for name, row in self.rows.items():
            title = html.escape(row["title"])
            title = f"<b>{title}</b> (new)" if name in self.new else title
            cells = "".join(f"<td>{html.escape(row[key])}</td>" for key in COLUMNS)
            body += f"<tr><th>{title}</th>{cells}</tr>"
        fold = f"<details><summary>How each was measured</summary><p>{NOTE}</p></details>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{fold}"


@cache
def _board() -> dict[str, dict[str, str]]:
    text = files("posenc_lib").joinpath("lessons", FILE).read_text("utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found
