"""The rules that every notebook keeps: each a function from a notebook to its list of complaints.

They hold what a reader would miss: the way in and out, exercises with help, budgets, outputs that
are there, nothing that needs a network, and words for every picture. Between the parts that have a
fixed heading a notebook is free. `tests/test_notebooks_lint.py` runs the rules on the real
notebooks, and each on one that breaks it.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

from nbformat import NotebookNode

from tools.notebooks import read

START = "00_start_here.ipynb"

# Budgets. The start page is a map, so it may be short.
CELLS = (25, 45)
START_CELLS = (4, 30)
MIDDLE_CODE_LINES = 4
MOST_CODE_LINES = 15
MOST_WORDS = 2200
MOST_BYTES = 500_000
IGNORED_OUTPUTS = 2

# What the first cell of a topic notebook says, and the headings that it has, in this order. Those
# after the first list are not in every notebook, but where they stand is fixed too.
OPENING = ("**Question.**", "After this notebook you can", "minutes", "Needs")
HEADINGS = ("## Set-up", "## Exercises", "## A real pitfall", "## Summary")
ORDER = (*HEADINGS[:-1], "## Recap", "## Who uses this today", HEADINGS[-1])
EXERCISES = 2

INSTALLS_OR_DOWNLOADS = re.compile(
    r"^\s*[!%]+\s*(pip|conda|mamba|uv|apt|apt-get|wget|curl|git)\b"
    r"|\b(urllib|urlopen|urlretrieve|requests|httpx|from_pretrained|snapshot_download|"
    r"hf_hub_download|load_state_dict_from_url|fetch_openml)\b|torch\.hub|https?://",
    re.MULTILINE,
)
ONE_MACHINE = re.compile(
    r"(?<![\w/.:~-])/(home|root|Users|tmp|usr|opt|mnt|srv|var|work|private)/|\b[A-Z]:\\\\?\w"
    r"|\bat 0x[0-9a-f]{6,}"
)
REMOTE_IMAGE = re.compile(
    r"!\[[^\]]*\]\(\s*<?(?:https?:)?//|<img[^>]*\bsrc\s*=\s*[\"']?(?:https?:)?//", re.IGNORECASE
)
NAMELESS_IMAGE = re.compile(
    r"!\[\s*\]\(|<img(?![^>]*\balt\s*=\s*[\"'][^\"']+)[^>]*>", re.IGNORECASE
)
LINK = re.compile(
    r"\[[^\]]*\]\(([^)\s]+)[^)]*\)|<(?:a|img)[^>]*\b(?:href|src)\s*=\s*[\"']([^\"']+)"
)
NBVAL_MARK = re.compile(r"#\s*(NBVAL|PYTEST_VALIDATE)_\w+")


@dataclass(frozen=True)
class Notebook:
    """One notebook, where it lies, and the notebooks beside it in reading order."""

    name: str
    folder: Path
    text: str
    cells: list[NotebookNode]
    names: tuple[str, ...]

    @property
    def is_topic(self) -> bool:
        return self.name != START

    def of_type(self, kind: str) -> Iterator[tuple[int, NotebookNode]]:
        """(number, cell) of the "code" or "markdown" cells, numbered from 1."""
        return ((n, cell) for n, cell in enumerate(self.cells, 1) if cell.cell_type == kind)

    def outputs(self) -> Iterator[tuple[int, NotebookNode]]:
        return ((n, output) for n, cell in self.of_type("code") for output in cell.outputs)

    @cached_property
    def prose(self) -> str:
        return "\n\n".join(cell.source for _, cell in self.of_type("markdown"))

    @cached_property
    def headings(self) -> list[str]:
        lines = without_code(self.prose).splitlines()
        return [line.strip() for line in lines if re.match(r"#{1,6} ", line)]

    def shown(self) -> Iterator[tuple[int, str]]:
        """(number, text) of all that is printed or rendered."""
        for number, output in self.outputs():
            data = output.get("data", {"text/plain": output.get("text", "")})
            yield from ((number, str(text)) for kind, text in data.items() if kind[:5] == "text/")


Rule = Callable[[Notebook], list[str]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    RULES.append(function)
    return function


# ------------------------------------------------------------------------- anatomy and budgets


@rule
def budgets(notebook: Notebook) -> list[str]:
    least, most = CELLS if notebook.is_topic else START_CELLS
    sources = [cell.source.splitlines() for _, cell in notebook.of_type("code")]
    lines = [sum(map(bool, map(str.strip, source))) for source in sources]
    counts = [
        ("cells", len(notebook.cells), least, most),
        ("lines in the longest code cell", max(lines, default=0), 0, MOST_CODE_LINES),
        ("lines in the middle code cell", median(lines or [0]), 0, MIDDLE_CODE_LINES),
        ("words of prose", len(words(notebook.prose)), 0, MOST_WORDS),
        ("bytes", len(notebook.text.encode()), 0, MOST_BYTES - 1),
    ]
    return [
        f"{count:,} {what}; allowed are {low} to {high:,}"
        for what, count, low, high in counts
        if not low <= count <= high
    ]


@rule
def opening(notebook: Notebook) -> list[str]:
    """Title, one question, aims, minutes, needs, both neighbours; and the next one at the end."""
    first, last = notebook.cells[0], notebook.cells[-1]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        return ["the first cell must be prose that starts with the title, '# ...'"]
    asked = OPENING if notebook.is_topic else ("minutes", "Needs")
    found = [f"the first cell must say {text!r}" for text in asked if text not in first.source]
    if notebook.prose.count(OPENING[0]) > 1:
        found.append("more than one question")
    place = notebook.names.index(notebook.name)
    for neighbour in notebook.names[max(place - 1, 0) : place + 2]:
        if neighbour != notebook.name and f"({neighbour}" not in first.source:
            found.append(f"the first cell has no link to its neighbour {neighbour}")
    if any(f"({name}" not in last.source for name in notebook.names[place + 1 : place + 2]):
        found.append("the last cell does not lead to the next notebook")
    return found


@rule
def parts(notebook: Notebook) -> list[str]:
    """One title; the fixed headings in their order; references after the summary."""
    present = notebook.headings
    titles = [heading for heading in present if heading.startswith("# ")]
    found = [] if len(titles) == 1 else [f"one title is needed, found {titles}"]
    if notebook.is_topic:
        found += [f"no heading {heading!r}" for heading in HEADINGS if heading not in present]
        fixed = [heading for heading in present if heading in ORDER]
        if fixed != sorted(fixed, key=ORDER.index):
            found.append(f"headings out of order: {fixed}; the order is {list(ORDER)}")
        if "**References.**" not in notebook.prose.partition(HEADINGS[-1])[2]:
            found.append("no references after the summary")
    return found


@rule
def exercises(notebook: Notebook) -> list[str]:
    """Each exercise has its heading, a hint and a solution, both folded."""
    sections = re.split(r"^### Exercise", notebook.prose, flags=re.MULTILINE)[1:]
    wanted = EXERCISES if notebook.is_topic else 0
    found = [] if len(sections) >= wanted else [f"{len(sections)} exercises; at least {wanted}"]
    for number, section in enumerate(sections, 1):
        folds = re.findall(r"<details><summary>(\w+)", section)
        found += [
            f"exercise {number} has no folded {fold.lower()}"
            for fold in ("Hint", "Solution")
            if fold not in folds
        ]
    if notebook.prose.count("<details>") != notebook.prose.count("</details>"):
        found.append("a <details> is not closed")
    return found


@rule
def setup_only_imports(notebook: Notebook) -> list[str]:
    """Imports, and how NumPy and torch print."""
    cell = setup_cell(notebook)
    if cell is None:
        return ["no code under '## Set-up'"] if notebook.is_topic else []
    return [
        f"the set-up cell does more than import: {ast.unparse(statement)}"
        for statement in ast.parse(cell.source).body
        if not isinstance(statement, ast.Import | ast.ImportFrom)
        and not ast.unparse(statement).split("(")[0].endswith("set_printoptions")
    ]


def setup_cell(notebook: Notebook) -> NotebookNode | None:
    """The first code cell under `## Set-up`."""
    seen = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            seen = seen or HEADINGS[0] in cell.source.splitlines()
        elif seen:
            return cell
    return None


def setup_cells_differ(notebooks: list[Notebook]) -> list[str]:
    """The one rule over all topic notebooks: the same set-up in each."""
    cells = {n.name: cell.source for n in notebooks if n.is_topic and (cell := setup_cell(n))}
    first = next(iter(cells))
    return [
        f"{name}: its set-up cell differs from that of {first}"
        for name, source in cells.items()
        if source != cells[first]
    ]


# ------------------------------------------------------------------------------- stored outputs


@rule
def outputs_are_there(notebook: Notebook) -> list[str]:
    """nbval compares only cells with a count: without one a cell passes whatever it does."""
    counts = [cell.execution_count for _, cell in notebook.of_type("code")]
    in_order = counts == list(range(1, len(counts) + 1))
    found = [] if in_order else [f"execution counts are {counts}; run `make notebooks`"]
    return found + [
        f"cell {number} ends in an error or writes to stderr: {str(output)[:120]}"
        for number, output in notebook.outputs()
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


@rule
def nbval_exceptions(notebook: Notebook) -> list[str]:
    """Only nbval-ignore-output, seldom, and with the reason as a comment in the cell."""
    found, ignored = [], []
    for number, cell in notebook.of_type("code"):
        tags = {t for t in cell.metadata.get("tags", []) if t.startswith(("nbval-", "raises-"))}
        if tags - {"nbval-ignore-output"} or NBVAL_MARK.search(cell.source):
            found.append(f"cell {number}: only the tag nbval-ignore-output is used")
        if tags:
            ignored.append(number)
            if not re.search(r"#\s*\w+(\s+\S+){2,}", cell.source):
                found.append(f"cell {number}: nbval-ignore-output without a comment that says why")
    if len(ignored) > IGNORED_OUTPUTS:
        found.append(f"cells {ignored} ignore their output; at most {IGNORED_OUTPUTS} may")
    return found


@rule
def runs_anywhere(notebook: Notebook) -> list[str]:
    """No absolute path and no object address; nothing is installed or fetched."""
    sources = [(number, cell.source) for number, cell in notebook.of_type("code")]
    found = [(n, ONE_MACHINE.search(text)) for n, text in (*sources, *notebook.shown())]
    found += [(n, INSTALLS_OR_DOWNLOADS.search(text)) for n, text in sources]
    return [
        f"cell {number}: {match.group().strip()!r} needs one machine or a network"
        for number, match in found
        if match
    ]


@rule
def images(notebook: Notebook) -> list[str]:
    """From no other host, and with words: a figure has a sentence as its text/plain."""
    prose = [(number, cell.source) for number, cell in notebook.of_type("markdown")]
    remote = [n for n, text in (*prose, *notebook.shown()) if REMOTE_IMAGE.search(text)]
    found = [f"cell {number}: an image from another host" for number in remote]
    nameless = [number for number, text in prose if NAMELESS_IMAGE.search(text)]
    found += [f"cell {number}: an image without alternative text" for number in nameless]
    for number, output in notebook.outputs():
        data = output.get("data", {})
        said = data.get("text/plain", "").strip()
        sentence = said.endswith(".") and not said.startswith("<") and len(said.split()) >= 4
        if not sentence and any(kind.startswith("image/") for kind in data):
            found.append(f"cell {number}: the text beside the image is no sentence: {said[:60]!r}")
    return found


@rule
def links_resolve(notebook: Notebook) -> list[str]:
    """Files exist; anchors are headings of the notebook they point into."""
    found = []
    for number, cell in notebook.of_type("markdown"):
        for one, other in LINK.findall(without_code(cell.source)):
            target = one or other
            if re.match(r"[a-z]+:", target):  # another host, an attachment, data
                continue
            file, _, anchor = target.partition("#")
            path = notebook.folder / (file or notebook.name)
            if file and not path.exists():
                found.append(f"cell {number}: {target} does not exist")
            elif anchor and path.suffix == ".ipynb" and anchor not in anchors(notebook, path):
                found.append(f"cell {number}: {target} points to no heading")
    return found


# ------------------------------------------------------------------------------------ helpers


def without_code(markdown: str) -> str:
    markdown = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "code", markdown)


def words(markdown: str) -> list[str]:
    """Words that a reader reads: a formula counts as one, an address and a tag as none."""
    prose = without_code(markdown)
    prose = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", " formula ", prose, flags=re.DOTALL)
    prose = re.sub(r"<[^>]+>|\]\([^)]*\)", " ", prose)
    return re.findall(r"[^\W\d_][\w'’-]*", prose)


def anchors(notebook: Notebook, path: Path) -> set[str]:
    """Jupyter's anchors: a heading with hyphens for spaces; and ids given by hand."""
    cells = notebook.cells if path.name == notebook.name else read(path).cells
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    titles = re.findall(r"^#{1,6} +(.+?)\s*$", prose, flags=re.MULTILINE)
    by_hand = re.findall(r"\b(?:id|name)\s*=\s*[\"']([^\"']+)", prose)
    return {re.sub(r"[`*]", "", title).replace(" ", "-") for title in titles} | set(by_hand)
