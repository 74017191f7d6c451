"""The lecture cut: what of a notebook belongs on slides, in order, as parts of sections.

Left out are set-up, exercises with their checkers, how to use the notebook itself, further
reading, and cells that show nothing. Of code the imports go. `show_source` stays where it shows
an encoding or a layer, not where it shows a helper. What readers fold out goes to the speaker's
notes, but answers to questions: they stand on the slide after the question.

A cell may say otherwise in its metadata, as Jupyter's slide tools write it: `slide_type` "skip"
leaves it out, "notes" sends it to the notes, "slide" or "subslide" begins a slide with it and
shows it whole, "-" shows it whole.
"""

import ast
import re
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from nbformat import NotebookNode

from posenc_lib.checks.questions import LETTERS, recap_questions
from tools.decks import prose
from tools.decks.markdown import blocks
from tools.notebooks import WIDGET_VIEW

Kind = Literal["text", "answer", "source", "code", "output", "picture", "table", "panel", "recap"]

LEFT_OUT = re.compile(r"set-?up$|exercises?\b|how to use\b|further reading|the map$", re.IGNORECASE)
LATER = re.compile(r"\*\*(?:References|Further reading|Time|Needs)\b|Previous: |Next: ")
"""Paragraphs for who reads on alone: these and, after references, all that follows in the cell."""
ENCODING = re.compile(r"# posenc_lib/(?:base|embeddings|rotary|scores|layers|faults)/")
LONGEST_CODE = 21
"""So many lines fit on a slide."""
NARROW = 46
"""Two columns of lines with so many characters stand side by side."""
FENCED = re.compile(r"```\w*\n(.*?)\n```", re.DOTALL)
FUNCTION = re.compile(r"\n\n(?=# posenc_lib/)")
FOLD = re.compile(r"<details[^>]*>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)


@dataclass
class Part:
    """What is placed as one on a slide."""

    kind: Kind
    shown: str = ""
    """Markdown, code or plain text."""
    full: str = ""
    """What the speaker's notes say of it; empty if the slide shows all."""
    output: NotebookNode | None = None
    code: str = ""
    """Folded away, below a picture."""
    asks: bool = False
    begins: bool = False
    """Its cell asks for a slide of its own."""


@dataclass
class Section:
    """A heading and what stands below it."""

    title: str
    level: int
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def lecture(notebook: NotebookNode) -> list[Section]:
    """The sections of a notebook that a lecture shows."""
    sections = [Section("", 1)]
    skipped = 0  # the level of the heading whose section is left out
    for cell in notebook.cells:
        own = cell.metadata.get("slideshow", {}).get("slide_type", "")
        if own == "skip":
            continue
        if cell.cell_type == "code":
            if not skipped:
                sections[-1].parts += _marked(code_parts(cell, whole=bool(own)), own)
            continue
        further = False
        found = blocks(cell.source)
        for block, after in zip(found, [*found[1:], None], strict=True):
            if block.level:
                title = re.sub(r"^#+ +", "", block.text.splitlines()[0]).strip()
                if not skipped or block.level <= skipped:
                    skipped = block.level if LEFT_OUT.match(title) else 0
                if not skipped:
                    sections.append(Section(title, block.level))
                continue
            if skipped:
                continue
            further = further or "References" in block.text[:16]
            if own == "notes" or further or LATER.match(block.text):
                sections[-1].notes.append(block.text)
                continue
            leads_on = after is not None and after.text.startswith(prose.LEADS_ON)
            parts, notes = text_parts(block.text, leads_on, whole=bool(own))
            sections[-1].parts += _marked(parts, own)
            sections[-1].notes += notes
            own = own if own in ("-", "") else "-"  # only its first part begins a slide
    return [section for section in sections if section.title or section.parts]


def _marked(parts: list[Part], own: str) -> list[Part]:
    if parts and own in ("slide", "subslide"):
        parts[0].begins = True
    return parts


def text_parts(text: str, leads_on: bool, whole: bool) -> tuple[list[Part], list[str]]:
    """A block of markdown, and what of it is for the notes alone."""
    if fold := FOLD.match(text):
        inside = fold[2].strip()
        if not re.match(r"answers?\b", fold[1].strip(), re.IGNORECASE):
            return [], [f"**{fold[1].strip()}.** {inside}"]
        shown = "\n\n".join(prose.key_sentences(block.text) for block in blocks(inside))
        return [Part("answer", shown, inside if shown != inside else "")], []
    shown = text if whole else prose.key_sentences(text, leads_on)
    asks = prose.is_prose(text) and any(map(prose.asks, prose.sentences(text)))
    if not shown:
        return [], [text]
    return [Part("text", shown, text if shown != text else "", asks=asks)], []


def code_parts(cell: NotebookNode, whole: bool = False) -> list[Part]:
    """A code cell as code with its printed output, pictures, tables, a panel or an answer."""
    if recap := re.match(r'checks\.recap\("(\w+)"', cell.source):
        return recap_parts(recap[1])
    outputs = [output for output in cell.outputs if output.get("data") or output.get("text")]
    source = without_imports(cell.source)
    if not outputs:
        return [Part("code", source)] if whole and source else []
    parts: list[Part] = []
    printed: list[str] = []
    for output in outputs:
        data = output.get("data", {})
        if WIDGET_VIEW in data:
            parts.append(Part("panel", output=output, full=data.get("text/plain", ""), code=source))
        elif "image/png" in data:
            parts.append(Part("picture", output=output, code=source))
        elif "<table" in data.get("text/html", ""):
            table = FOLD.sub("", data["text/html"])
            parts.append(Part("table", table, code=source))
        elif "<details" in data.get("text/html", ""):
            parts.append(Part("answer", f"```text\n{data['text/plain']}\n```"))
        elif "text/markdown" in data:
            parts += _markdown_parts(data["text/markdown"], source)
        else:
            printed.append((output.get("text") or data.get("text/plain", "")).rstrip("\n"))
    if printed:
        shown = [Part("output", piece) for piece in printed_pieces("\n".join(printed))]
        return [Part("code", without_plot(source)), *shown, *parts]
    return parts


def _markdown_parts(text: str, source: str) -> list[Part]:
    """The code of functions, a table, or several of these with words between them."""
    parts: list[Part] = []
    for block in blocks(text):
        if fence := FENCED.fullmatch(block.text.strip()):
            helper = "show_source(" in source and not ENCODING.search(fence[1])
            shown = [] if helper else FUNCTION.split(fence[1])
            parts += [Part("source", piece) for one in shown for piece in pieces(bare(one))]
        elif prose.is_prose(block.text):
            parts += text_parts(block.text, leads_on=False, whole=False)[0]
        else:
            parts.append(Part("table", block.text, code=source))
    return parts


def pieces(source: str) -> list[str]:
    """Code that is longer than a slide, parted between functions.

    >>> [piece.count("def") for piece in pieces("\\n\\n".join(["def f():" + "\\n    ..." * 8] * 4))]
    [2, 2]
    """
    found: list[str] = []
    for part in re.split(r"\n\n(?=\S)", source):
        longer = f"{found[-1]}\n\n{part}" if found else part
        if found and longer.count("\n") < LONGEST_CODE:
            found[-1] = longer
        else:
            found.append(part)
    return found


def printed_pieces(text: str) -> list[str]:
    """What was printed, in pieces that a slide can show; short lines stand in two columns there."""
    lines = text.split("\n")
    room = LONGEST_CODE * (2 if max(map(len, lines)) <= NARROW else 1)
    if len(lines) <= room:
        return [text]
    parted = [piece.split("\n") for piece in pieces(text)]
    return [
        "\n".join(piece[begin : begin + LONGEST_CODE])
        for piece in parted
        for begin in range(0, len(piece), LONGEST_CODE)
    ]


def bare(source: str) -> str:
    """Functions without the types of their arguments, which take more lines than they tell.

    >>> print(bare("def half(\\n    x: float,\\n) -> float:\\n    return x / 2  # exact"))
    def half(x):
        return x / 2  # exact
    """
    lines = source.splitlines()
    try:
        found = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return source  # lines of a longer function
    functions = [node for node in found if isinstance(node, ast.FunctionDef)]
    for node in sorted(functions, key=lambda node: -node.lineno):
        given = node.args
        for each in [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]:
            if each is not None:
                each.annotation = None
        first = node.lineno - 1
        indent = re.match(r" *", lines[first])[0]
        signature = f"{indent}def {node.name}({ast.unparse(given)}):"
        lines[first : node.body[0].lineno - 1] = [signature]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def recap_parts(number: str) -> list[Part]:
    """The questions at the end, one a slide; which answer is right stands in the notes."""
    found = []
    for question in recap_questions(number):
        letters = zip(LETTERS, question.choices, strict=True)
        choices = "".join(f"<li>{escape(choice.says)}</li>" for choice in question.choices)
        told = "\n".join(
            f"- {letter}) {'**right.** ' if choice.right else ''}{choice.believes}"
            for letter, choice in letters
        )
        shown = f'{question.asks}\n\n<ol class="choices">{choices}</ol>'
        found.append(Part("recap", shown, told, asks=True, begins=True))
    return found


def without_plot(source: str) -> str:
    """Code without a last line that only draws."""
    lines = source.splitlines()
    last = ast.parse(source).body[-1]
    draws = isinstance(last, ast.Expr) and lines[last.lineno - 1].startswith("plots.")
    return "\n".join(lines[: last.lineno - 1]).rstrip() if draws else source


def without_imports(source: str) -> str:
    """Code without its import statements, and without blank lines at both ends."""
    lines = source.splitlines()
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return source
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for n in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[n] = "\x00"
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line for line in lines if line != "\x00")).strip(
        "\n"
    )
