"""Markdown cut where a slide may begin: at headings, and between blocks."""

import re
from dataclasses import dataclass

FENCE = re.compile(r"^(```|~~~)")


@dataclass
class Block:
    """Lines that stay together: a heading, a paragraph, a list, a table, a formula, a fold."""

    text: str
    level: int  # of a heading, otherwise 0


def blocks(source: str) -> list[Block]:
    """The blocks of a markdown cell, in order.

    Blank lines part them, and headings of the levels 1 to 3 stand alone; nothing is parted inside
    a code fence, a formula between $$ lines, or <details>. A line that announces what follows, by
    a colon or in bold, stays with it.
    """
    found: list[Block] = []
    held: list[str] = []
    fence, folds, formula = "", 0, False

    def close() -> None:
        if not held:
            return
        if found and not found[-1].level and found[-1].text.endswith((":", "**")):
            found[-1].text += "\n\n" + "\n".join(held)
        else:
            found.append(Block("\n".join(held), 0))
        held.clear()

    for line in source.splitlines():
        if fence:
            held.append(line)
            fence = "" if line.strip() == fence else fence
            continue
        inside = bool(folds or formula)
        heading = re.match(r"(#{1,3}) ", line)
        if not inside and heading:
            close()
            found.append(Block(line, len(heading[1])))
        elif not inside and not line.strip():
            close()
        else:
            held.append(line)
        fence = start[1] if (start := FENCE.match(line)) else ""
        folds += line.count("<details") - line.count("</details>")
        formula ^= line.count("$$") % 2 == 1
    close()
    return found
