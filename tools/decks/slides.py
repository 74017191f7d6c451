"""Where slides begin: one idea a slide.

A heading begins one. What asks something stands alone, so that the class can think; its answer
comes with the next slide, and what shows it (code with its output, a picture, a table) may share
a slide with the text that explains it. A live panel has a slide to itself. Heights are estimates
at `TEXT` pixels; deck.js then makes text as large as fits, and never smaller than is stated there.
"""

import base64
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from nbformat import NotebookNode

from tools.decks import minutes, prose
from tools.decks.cut import NARROW, Part, Section, lecture

WIDTH, HEIGHT = 1280, 720
"""The stage in its own pixels, as deck.css knows it."""
ROOM = HEIGHT - 152
"""What is left below the heading."""
MOST_WORDS = 75
"""So many words of prose stand on a slide."""
BESIDE = 45
"""So many words before a panel go to its notes: the panel asks its question itself."""
NOT_WIDE = 2.3
"""Pictures up to so many times as wide as high have their text beside them."""
BESIDE_WORDS = 70
PICTURE = 370
"""A picture has so much room at least; deck.css gives it all that its slide leaves."""
TEXT, CODE = 25, 21
TEXT_CHARACTERS, CODE_CHARACTERS, TABLE_CHARACTERS = 95, 92, 84
EVIDENCE = ("code", "source", "output", "picture", "table")
SIGNS = re.compile(r"[*`$\\]|\]\([^)]*\)")
RUN_IN = re.compile(r"\*\*[^*]+[.:?]\*\*|\*\*[^*]+\*\*[.:]")
AIMS = re.compile(r"After this notebook you can", re.IGNORECASE)


@dataclass
class Slide:
    title: str
    kicker: str = ""
    """The heading above the title's, small."""
    kind: str = "text"
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: int = 0
    minutes: int = 0
    """Of the section that begins here."""
    until: int = 0
    """The minute of the lecture when this slide is done."""
    level: int = 0

    @property
    def height(self) -> float:
        return sum(map(height, self.parts))

    @property
    def asks(self) -> bool:
        return any(part.asks for part in self.parts)

    @property
    def words(self) -> int:
        return sum(
            prose.words(part.shown) for part in self.parts if part.kind in ("text", "answer")
        )

    @property
    def beside(self) -> bool:
        """Whether the texts of a picture stand at its right, because it is not wide."""
        pictures = [part for part in self.parts if part.kind == "picture"]
        texts = [part for part in self.parts if part.kind in ("text", "answer")]
        if len(pictures) != 1 or not texts or len(texts) + 1 < len(self.parts):
            return False
        plain = all(prose.is_prose(part.shown) and "\n|" not in part.shown for part in texts)
        return plain and aspect(pictures[0]) <= NOT_WIDE

    def has(self, *kinds: str) -> bool:
        return any(part.kind in kinds for part in self.parts)


def slides_of(notebook: NotebookNode) -> list[Slide]:
    """The lecture cut of a notebook as slides with notes and times."""
    sections = [section for section in lecture(notebook) if section.parts or section.level == 2]
    found: list[Slide] = []
    above = ""
    for section, taken in zip(sections, minutes.of_sections(notebook, sections), strict=True):
        above = section.title if section.level < 3 else above
        if not section.parts:
            if found:
                found[-1].notes += section.notes
            continue
        kicker = above if section.level == 3 else ""
        made = list(_opening(section) if section.level == 1 else _placed(section, kicker))
        made[0].level, made[0].minutes = section.level, taken
        made[-1].notes += section.notes
        weights = [sum(map(minutes.weight, slide.parts)) + 0.2 for slide in made]
        for slide, weight in zip(made, weights, strict=True):
            slide.seconds = round(60 * taken * weight / sum(weights))
        found += made
    spent = 0
    for slide in found:
        spent += slide.seconds
        slide.until = round(spent / 60)
    return found


def _opening(section: Section) -> Iterator[Slide]:
    """The title with the question of the notebook, then what the class can do afterwards."""
    texts = [part.kind == "text" for part in section.parts]
    first = texts.index(False) if False in texts else len(texts)
    aims = next((n for n, part in enumerate(section.parts) if AIMS.match(part.shown)), None)
    if aims is None:
        yield Slide(section.title, kind="title", parts=section.parts[:first])
        yield from _placed(Section(section.title, 1, section.parts[first:]), "")
        return
    yield Slide(section.title, kind="title", parts=section.parts[:aims])
    title = "After this lecture you can"
    yield Slide(title, kicker=section.title, parts=section.parts[aims + 1 :])


def _placed(section: Section, kicker: str) -> Iterator[Slide]:
    slide = Slide(section.title, kicker)
    for part in section.parts:
        if part.kind == "panel":
            absorbed = _before_panel(slide)
            if slide.parts and not absorbed:
                yield slide
            notes = [text.full or text.shown for text in slide.parts] if absorbed else []
            yield Slide(section.title, kicker, "panel", [part], notes)
            slide = Slide(section.title, kicker)
            continue
        if slide.parts and not _joins(slide, part):
            following = _carried(slide, part)
            if slide.parts:
                yield slide
            slide = Slide(section.title, kicker, parts=following)
        slide.kind = "recap" if part.kind == "recap" else slide.kind
        slide.parts.append(part)
        if part.full:
            slide.notes.append(part.full)
    if slide.parts:
        yield slide


def _carried(slide: Slide, part: Part) -> list[Part]:
    """What goes from a full slide to the next one.

    A line that announces goes with what it announces, printed text has its code folded below it,
    and a picture stays in sight as long as it is talked about.
    """
    last = slide.parts[-1]
    if part.kind == "output" and last.kind == "code":
        part.code = last.shown
    if last.kind == "text" and last.shown.endswith(":") and not last.full:
        return [slide.parts.pop()]
    picture = next((each for each in slide.parts if each.kind == "picture"), None)
    if picture and part.kind == "text" and not part.asks and not RUN_IN.match(part.shown):
        both = Slide("", parts=[picture, part])
        return [picture] if both.beside or both.height <= ROOM else []
    return []


def _before_panel(slide: Slide) -> bool:
    """Whether this text need not be shown, because the panel says enough."""
    plain = all(part.kind == "text" and prose.is_prose(part.shown) for part in slide.parts)
    return plain and slide.words <= BESIDE


def _joins(slide: Slide, part: Part) -> bool:
    """Whether a part belongs on the slide that is there, and fits."""
    last = slide.parts[-1]
    if part.kind == "answer" and not part.begins and all(p.kind == "answer" for p in slide.parts):
        return slide.height + height(part) <= ROOM
    if part.begins or part.kind in ("recap", "answer") or last.kind == "recap":
        return False
    if part.kind == "text" and RUN_IN.match(part.shown) and slide.has(*EVIDENCE):
        return False  # it names what comes next
    if part.kind in ("picture", "text") and Slide("", parts=[*slide.parts, part]).beside:
        words = slide.words + prose.words(part.shown)
        asked = slide.asks if part.kind == "picture" else part.asks
        return words <= BESIDE_WORDS and not asked
    fits = slide.height + height(part) <= ROOM
    if part.kind == "output" and last.kind == "code":
        return fits
    if part.kind in EVIDENCE:
        return fits and not slide.asks and not slide.has("picture", "table", "source")
    if slide.has(*EVIDENCE):
        return fits and not part.asks and slide.words + prose.words(part.shown) <= MOST_WORDS
    return fits and slide.words + prose.words(part.shown) <= MOST_WORDS


def height(part: Part) -> float:
    """About how high a part stands on the stage."""
    if part.kind == "picture":
        return PICTURE
    if part.kind in ("code", "source", "output"):
        lines = sum(_lines(line, CODE_CHARACTERS) for line in part.shown.split("\n"))
        return 34 + 1.25 * CODE * (lines / 2 if in_columns(part) else lines)
    if part.kind == "table" and "<table" in part.shown:
        return 110 + 44 * part.shown.count("<tr")
    return markdown_height(part.shown)


def in_columns(part: Part) -> bool:
    """Whether this is a long list of short lines, which then stands in two columns."""
    lines = part.shown.split("\n")
    return part.kind == "output" and len(lines) > 12 and max(map(len, lines)) <= NARROW


def aspect(part: Part) -> float:
    """How many times as wide as high the picture of a part is."""
    assert part.output is not None
    head = base64.b64decode(part.output["data"]["image/png"][:48])
    wide, high = struct.unpack(">II", head[16:24])
    return float(wide / high)


def markdown_height(text: str) -> float:
    found, fence, formula = 0.0, False, False
    for line in text.splitlines():
        if line.startswith(("```", "~~~")):
            fence = not fence
            found += 14
        elif fence:
            found += 1.25 * CODE * _lines(line, CODE_CHARACTERS)
        elif line.startswith("|"):
            pass
        elif formula or line.startswith("$$"):
            formula ^= line.count("$$") % 2 == 1
            found += 80
        elif line.strip():
            plain = re.sub(r"\]\([^)]*\)|<[^>]+>|[*`$\\{}]", "", line)
            found += 1.4 * TEXT * _lines(plain, TEXT_CHARACTERS)
    found += table_height([line for line in text.splitlines() if line.startswith("|")])
    return found + 16 * (1 + len(re.findall(r"\n\s*\n", text.strip())))


def table_height(rows: list[str]) -> float:
    """Of a table in markdown, whose columns share the width by what they hold."""
    cells = [
        [
            len(re.sub(r"[*`$\\]|\]\([^)]*\)", "", cell).strip())
            for cell in row.strip("|").split("|")
        ]
        for row in rows
        if not set(row) <= set("|-: ")
    ]
    if not cells:
        return 0
    widest = [max(column, default=0) for column in zip(*cells, strict=False)]
    scale = TABLE_CHARACTERS / max(sum(widest), TABLE_CHARACTERS)
    lines = [
        max(math.ceil(long / max(wide * scale, 8)) for long, wide in zip(row, widest, strict=False))
        for row in cells
    ]
    return sum(12 + 31 * count for count in lines)


def _lines(text: str, characters: int) -> int:
    return max(1, math.ceil(len(text) / characters))
