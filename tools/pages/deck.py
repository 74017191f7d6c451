"""A notebook as a deck: where slides begin, so that each can be read and nothing is cut off.

`#` and `##` begin a slide, `###` one below it, and so does a cell that would not fit on what is
left; it then carries the heading once more, small. Code stays with its output. A cell with
slideshow metadata of its own is taken as it is. What is taller than a slide scrolls.
"""

import base64
import math
import re
import struct
from copy import deepcopy
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from tools.notebooks import WIDGET_VIEW
from tools.pages.markdown import blocks

WIDTH, HEIGHT = 1280, 720
"""The stage that reveal.js scales to the screen, in its own pixels, as deck.css knows it."""
ROOM = HEIGHT - 84
ACROSS = WIDTH - 88

# Heights in pixels of the style sheet's sizes, and how many characters stand in a line.
TEXT, CODE, RUNNING = 38, 26, 42
TEXT_CHARACTERS, CODE_CHARACTERS = 84, 102
HEADINGS = {1: 82, 2: 70, 3: 60}
LEAST_PICTURE = 0.7
"""A picture may shrink so far to stay on the slide with its text."""
PANEL = 480
"""A live panel has so much room at least; deck.js gives it all that its slide leaves."""
LONG_CODE = 6
"""Beyond so many lines, code leaves a picture that does not fit below it to the next slide."""


@dataclass
class Piece:
    """What is placed as one: a part of a cell, with its height and what of it is a picture."""

    cell: NotebookNode
    height: float
    picture: float = 0.0
    count: int = 1  # of pictures
    level: int = 0
    slide_type: str = ""

    @property
    def least(self) -> float:
        return self.height - (1 - LEAST_PICTURE) * self.picture


@dataclass
class Slide:
    """What one slide holds so far."""

    title: str
    used: float = 0.0  # with its pictures as small as they may become
    pictures: list[Piece] = field(default_factory=list)
    empty: bool = True
    bare: bool = False  # nothing but a heading

    def place_for(self, piece: Piece) -> str:
        """The slide type that brings a piece to where it belongs."""
        if self.empty or piece.level in (1, 2):
            return "slide"
        if self.bare:
            return "-"
        return "subslide" if piece.level == 3 or self.used + piece.least > ROOM else "-"

    def add(self, piece: Piece) -> None:
        self.bare = self.empty and bool(piece.level) and "\n" not in piece.cell.source
        self.title = _plain(piece.cell.source) if piece.level else self.title
        self.empty = False
        self.used += piece.least
        if piece.picture:
            self.pictures.append(piece)

    def close(self) -> None:
        """Share what is left among the pictures."""
        least = LEAST_PICTURE * sum(piece.picture for piece in self.pictures)
        room = max(ROOM - self.used, 0) + least
        for piece in self.pictures:
            share = room * piece.picture / (least / LEAST_PICTURE)
            piece.cell.metadata["room"] = int(min(share, piece.picture) / piece.count)


def as_deck(notebook: NotebookNode) -> NotebookNode:
    """A copy whose cells carry slideshow metadata; long markdown cells are several cells there."""
    deck = deepcopy(notebook)
    deck.cells = []
    slide = Slide("")
    for piece in [piece for cell in notebook.cells for piece in pieces(deepcopy(cell))]:
        begins = piece.slide_type or slide.place_for(piece)
        if begins in ("slide", "subslide"):
            slide.close()
            title = _plain(piece.cell.source) if piece.level else slide.title
            slide = Slide(title)
            if title and not piece.level and not piece.slide_type:
                deck.cells.append(_running(title, begins, piece.cell.id))
                slide.used, begins = RUNNING, "-"
        own = piece.cell.metadata.get("slideshow", {})
        piece.cell.metadata["slideshow"] = {**own, "slide_type": begins}
        deck.cells.append(piece.cell)
        if begins not in ("notes", "skip"):
            slide.add(piece)
    slide.close()
    return deck


def pieces(cell: NotebookNode) -> list[Piece]:
    """A cell as what is placed together; one with metadata of its own is not cut."""
    own = cell.metadata.get("slideshow", {}).get("slide_type", "")
    if cell.cell_type == "code":
        whole = _code_piece(cell, own)
        long = len(cell.source.splitlines()) > LONG_CODE and whole.least > ROOM - RUNNING
        first = next((i for i, output in enumerate(cell.outputs) if _shows(output)), None)
        if own or not long or first is None:
            return [whole]
        picture = deepcopy(cell)
        picture.id += "-picture"
        picture.metadata["transient"] = {"remove_source": True}  # as nbconvert's templates read it
        cell.outputs, picture.outputs = cell.outputs[:first], cell.outputs[first:]
        return [_code_piece(cell), _code_piece(picture)]
    if own or cell.cell_type != "markdown":
        level = next((block.level for block in blocks(cell.source)), 0)
        return [Piece(cell, markdown_height(cell.source), level=level, slide_type=own)]
    return _markdown_pieces(cell)


def _markdown_pieces(cell: NotebookNode) -> list[Piece]:
    """Cut at headings, and between blocks where the text is taller than a slide."""
    found: list[Piece] = []
    for block in blocks(cell.source):
        height = markdown_height(block.text)
        last = found[-1] if found else None
        if last and not block.level and last.height + height <= ROOM - RUNNING:
            last.cell.source += "\n\n" + block.text
            last.height += height
            continue
        part = deepcopy(cell)
        part.source = block.text
        part.id = f"{cell.id}-{len(found)}" if found else cell.id
        found.append(Piece(part, height, level=block.level))
    return found


def _code_piece(cell: NotebookNode, own: str = "") -> Piece:
    pictures = [high for output in cell.outputs if (high := _picture_height(output))]
    live = sum(WIDGET_VIEW in output.get("data", {}) for output in cell.outputs)
    height = _code_height(cell) + sum(pictures) + PANEL * live
    return Piece(cell, height, sum(pictures), len(pictures), slide_type=own)


def _shows(output: NotebookNode) -> bool:
    return bool({WIDGET_VIEW, "image/png"} & set(output.get("data", {})))


def markdown_height(text: str) -> float:
    """About how high this stands on the stage; what is folded away takes one line."""
    folded = re.sub(r"<details.*?</details>", "fold", text, flags=re.DOTALL)
    height, fence, formula = 0.0, False, False
    for line in folded.splitlines():
        if line.startswith(("```", "~~~")):
            fence = not fence
            height += 8
        elif fence:
            height += CODE * _lines(line, CODE_CHARACTERS)
        elif line.startswith("|"):
            height += 0 if set(line) <= set("|-: ") else 20 + 32 * _lines(line, 92)
        elif heading := re.match(r"(#{1,3}) ", line):
            height += HEADINGS[len(heading[1])]
        elif formula or line.startswith("$$"):
            formula ^= line.count("$$") % 2 == 1
            height += 90
        elif line.strip():
            plain = re.sub(r"\]\([^)]*\)|<[^>]+>|[*`$\\{}]", "", line)
            height += TEXT * _lines(plain, TEXT_CHARACTERS)
    return height + 14 * len(re.findall(r"\n\s*\n", text.strip())) + 14


def _code_height(cell: NotebookNode) -> float:
    """The code and its printed output; pictures are counted apart."""
    height = 0.0
    if "transient" not in cell.metadata:
        height += 24 + CODE * sum(
            _lines(line, CODE_CHARACTERS) for line in cell.source.splitlines()
        )
    for output in cell.outputs:
        data = output.get("data", {})
        if output.output_type == "stream":
            height += 12 + CODE * len(output.text.splitlines())
        elif "text/markdown" in data:
            height += markdown_height(data["text/markdown"])
        elif data and "image/png" not in data:
            height += 12 + CODE * len(data.get("text/plain", "").splitlines())
    return height


def _picture_height(output: NotebookNode) -> float:
    """A PNG at its own size, or smaller where the stage is."""
    data = output.get("data", {})
    if "image/png" not in data or WIDGET_VIEW in data:  # a live panel is no picture
        return 0.0
    head = base64.b64decode(data["image/png"][:48])
    wide, high = struct.unpack(">II", head[16:24])
    return min(high * min(1.0, ACROSS / wide) + 16, ROOM - RUNNING)


def _lines(text: str, characters: int) -> int:
    return max(1, math.ceil(len(text) / characters))


def _plain(source: str) -> str:
    return re.sub(r"^#+ +", "", source.splitlines()[0]).strip()


def _running(title: str, begins: str, before: str) -> NotebookNode:
    """The heading of a slide that goes on."""
    return new_markdown_cell(
        f'<p class="running">{title}</p>',
        id=f"{before}-running",
        metadata={"slideshow": {"slide_type": begins}},
    )
