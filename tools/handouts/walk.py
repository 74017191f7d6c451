"""How long the plans in TEACHING.md take: `python -m tools.handouts.walk [--write]`.

A step shows some headings, runs some of their cells, moves a panel and asks. What stands under a
heading is told at the speed of reading aloud; a cell to run and a move of a panel take a moment, in
which the class looks; a question has the pause that the plan gives it, such as (1 min) or (30 s).
`--write` puts the found minutes beside the planned ones.
"""

import argparse
import re
from dataclasses import dataclass, field
from functools import cache

from tools.notebooks import ROOT, all_notebooks, read

TEACHING = ROOT / "TEACHING.md"
WORDS_A_MINUTE = 130
A_CELL, A_MOVE = 0.5, 0.33
"""Minutes to run a cell and to say what it shows, and to move a control and look."""
A_FORMULA = 60
"""So many words is a formula worth that stands on a line of its own."""

PLAN = re.compile(r"<!-- plan: (?:.*, )?(\d+) minutes -->\n\n((?:\|.*\n)+)")
LINK = re.compile(r"\[(\d+): ([^\]]+)\]\(notebooks/(\d\d)_\w+\.ipynb#([\w-]+)\)")
PAUSE = re.compile(r"\((\d+) (min|s)\)")
UNSPOKEN = re.compile(r"<details>.*?</details>|```.*?```|^\|[^\n]*$", re.DOTALL | re.MULTILINE)


@dataclass
class Step:
    """A line of a plan, and where it stands in the file."""

    line: str
    planned: float
    headings: list[tuple[str, str]]
    cells: int
    moves: int
    panel: str
    pause: float
    asked: str = field(repr=False)

    def minutes(self) -> float:
        words = count(self.asked) + sum(
            count(sections(notebook)[heading]) for notebook, heading in self.headings
        )
        looking = A_CELL * self.cells + A_MOVE * self.moves
        return words / WORDS_A_MINUTE + looking + self.pause


def plans() -> list[tuple[int, list[Step]]]:
    """The minutes that each plan has, and its steps."""
    text = TEACHING.read_text(encoding="utf-8")
    return [
        (int(minutes), [step(line) for line in table.splitlines()[2:]])
        for minutes, table in PLAN.findall(text)
    ]


def step(line: str) -> Step:
    planned, _, show, do, ask = (part.strip() for part in line[1:-1].split("|"))
    panel = re.search(r"\*([^*]+)\*:", do)
    run = re.search(r"\b[Rr]uns? (\d+) cell", do)
    return Step(
        line=line,
        planned=float(planned),
        headings=[(number, name_of(number, name)) for _, name, number, _ in LINK.findall(show)],
        cells=int(run[1]) if run else 0,
        moves=do.count("→") + 1 if panel or "→" in do else 0,
        panel=panel[1] if panel else "",
        pause=sum(int(n) / (1 if unit == "min" else 60) for n, unit in PAUSE.findall(do + ask)),
        asked=PAUSE.sub("", ask),
    )


def name_of(number: str, name: str) -> str:
    """The whole heading: a plan leaves out the minutes and the difficulty of an exercise."""
    found = [heading for heading in sections(number) if heading.split(" (")[0] == name]
    return found[0] if found else name


@cache
def sections(number: str) -> dict[str, str]:
    """What stands under each heading of a notebook."""
    (path,) = [path for path in all_notebooks() if path.name.startswith(number)]
    text = "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    parts = re.split(r"^#{1,3} (.*)$", UNSPOKEN.sub("", text), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def count(text: str) -> int:
    """Words, as they are spoken.

    >>> count("Two clocks: $$a = b$$")
    62
    """
    spoken = re.sub(r"\$\$.*?\$\$", " word" * A_FORMULA, text, flags=re.DOTALL)
    return len(re.findall(r"[\w’'$\\^{}-]+", spoken))


def written(text: str) -> str:
    """The file with the found minutes in it."""
    for _, steps in plans():
        for one in steps:
            _, planned, _, rest = one.line.split("|", 3)
            text = text.replace(one.line, f"|{planned}| {one.minutes():.1f} |{rest}")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.handouts.walk")
    parser.add_argument("--write", action="store_true", help="put the minutes into TEACHING.md")
    if parser.parse_args().write:
        TEACHING.write_text(written(TEACHING.read_text(encoding="utf-8")), encoding="utf-8")
    for minutes, steps in plans():
        for one in steps:
            shown = ", ".join(heading for _, heading in one.headings)
            print(f"{one.planned:5.0f} {one.minutes():5.1f}  {shown[:80]}")
        planned, found = sum(s.planned for s in steps), sum(s.minutes() for s in steps)
        print(f"{planned:5.0f} {found:5.1f}  of {minutes}\n")


if __name__ == "__main__":
    main()
