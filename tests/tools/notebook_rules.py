"""The rules that every notebook keeps: each a function from a notebook to its list of complaints.

`tests/test_notebooks_lint.py` runs them on the real notebooks, and on a bad sample each.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from nbformat import NotebookNode

START = "00_start_here.ipynb"

# Budgets. The start page is a map, so it may be short.
CELLS = (25, 40)
START_CELLS = (4, 25)
MEDIAN_CODE_LINES = 4
MOST_CODE_LINES = 15
MOST_WORDS = 1200
MOST_BYTES = 500_000
CODE_CELLS_IN_A_ROW = 2
IGNORED_OUTPUTS = 2
EXERCISES = 2

# The template of a topic notebook: what the first cell says, then these headings in this order.
# Other sections may stand between them.
FIRST_CELL = ("**Question.**", "After this notebook you can", "minutes", "Needs")
HEADINGS = ("## Set-up", "## Predict first", "## Exercises", "## A real pitfall", "## Summary")
EXERCISE = "### Exercise"

INSTALLS_OR_DOWNLOADS = re.compile(
    r"^\s*[!%]+\s*(pip|conda|mamba|uv|apt|apt-get|wget|curl|git)\b"
    r"|\b(urllib|urlopen|urlretrieve|requests|httpx|from_pretrained|snapshot_download|"
    r"hf_hub_download|load_state_dict_from_url|fetch_openml)\b|torch\.hub|https?://",
    re.MULTILINE,
)
ABSOLUTE_PATH = re.compile(
    r"(?<![\w/.:~-])/(home|root|Users|tmp|usr|opt|mnt|srv|var|work|private)/|\b[A-Z]:\\\\?\w"
)
OBJECT_ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
REMOTE_IMAGE = re.compile(
    r"!\[[^\]]*\]\(\s*<?(?:https?:)?//|<img[^>]*\bsrc\s*=\s*[\"']?(?:https?:)?//", re.IGNORECASE
)
NAMELESS_IMAGE = re.compile(
    r"!\[\s*\]\(|<img(?![^>]*\balt\s*=\s*[\"'][^\"']+)[^>]*>", re.IGNORECASE
)
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)[^)]*\)|<a[^>]*\bhref\s*=\s*[\"']([^\"']+)")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)[^)]*\)|<img[^>]*\bsrc\s*=\s*[\"']([^\"']+)")
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


Rule = Callable[[Notebook], list[str]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    RULES.append(function)
    return function


# ----------------------------------------------------------------------------------- budgets


@rule
def cell_budget(notebook: Notebook) -> list[str]:
    least, most = CELLS if notebook.is_topic else START_CELLS
    count = len(notebook.cells)
    return [] if least <= count <= most else [f"{count} cells; allowed are {least} to {most}"]


@rule
def code_length(notebook: Notebook) -> list[str]:
    lengths = {n: len(_code_lines(cell.source)) for n, cell in notebook.of_type("code")}
    found = [
        f"cell {n}: {length} lines of code; at most {MOST_CODE_LINES}"
        for n, length in lengths.items()
        if length > MOST_CODE_LINES
    ]
    middle = median(lengths.values()) if lengths else 0
    if middle > MEDIAN_CODE_LINES:
        found.append(f"half the code cells have over {MEDIAN_CODE_LINES} lines (median {middle})")
    return found


@rule
def word_budget(notebook: Notebook) -> list[str]:
    count = sum(len(_words(cell.source)) for _, cell in notebook.of_type("markdown"))
    return [] if count <= MOST_WORDS else [f"{count} words of prose; at most {MOST_WORDS}"]


@rule
def file_size(notebook: Notebook) -> list[str]:
    size = len(notebook.text.encode())
    return [] if size < MOST_BYTES else [f"{size:,} bytes; must stay below {MOST_BYTES:,}"]


# ---------------------------------------------------------------------------------- template


@rule
def opening(notebook: Notebook) -> list[str]:
    """Title, question, aims, minutes, needs; the neighbours are linked."""
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        return ["the first cell must be prose that starts with the title, '# ...'"]
    found = []
    if notebook.is_topic:
        found += [
            f"the first cell lacks {text!r}" for text in FIRST_CELL if text not in first.source
        ]
    place = notebook.names.index(notebook.name)
    for neighbour in notebook.names[max(place - 1, 0) : place + 2]:
        if neighbour != notebook.name and f"({neighbour}" not in notebook_prose(notebook):
            found.append(f"no link to its neighbour {neighbour}")
    return found


@rule
def headings(notebook: Notebook) -> list[str]:
    present = _headings(notebook)
    titles = [heading for heading in present if heading.startswith("# ")]
    found = [] if len(titles) == 1 else [f"one title is needed, found {titles}"]
    if notebook.is_topic:
        found += [f"no heading {heading!r}" for heading in HEADINGS if heading not in present]
        template = [heading for heading in present if heading in HEADINGS]
        if not found and template != list(HEADINGS):
            found.append(f"headings out of order: {template}; the template has {list(HEADINGS)}")
    return found


@rule
def exercises(notebook: Notebook) -> list[str]:
    """Each exercise has its heading; its hints and solution are folded."""
    if not notebook.is_topic:
        return []
    count = sum(heading.startswith(EXERCISE) for heading in _headings(notebook))
    found = [] if count >= EXERCISES else [f"{count} headings {EXERCISE!r}; at least {EXERCISES}"]
    folded = notebook_prose(notebook).count("<details>")
    if folded < count + 1:
        found.append(f"{folded} folded answers for the prediction and {count} exercises")
    if folded != notebook_prose(notebook).count("</details>"):
        found.append("a <details> is not closed")
    return found


@rule
def prose_before_code(notebook: Notebook) -> list[str]:
    found, in_a_row = [], 0
    for number, cell in enumerate(notebook.cells, 1):
        in_a_row = in_a_row + 1 if cell.cell_type == "code" else 0
        if number == 1 and in_a_row:
            found.append("cell 1: code before any prose")
        if in_a_row > CODE_CELLS_IN_A_ROW:
            found.append(f"cell {number}: over {CODE_CELLS_IN_A_ROW} code cells without prose")
    return found


@rule
def no_empty_cell(notebook: Notebook) -> list[str]:
    return [
        f"cell {number} is empty"
        for number, cell in enumerate(notebook.cells, 1)
        if not cell.source.strip()
    ]


# ------------------------------------------------------------------------------- stored state


@rule
def executed_in_order(notebook: Notebook) -> list[str]:
    """nbval compares only cells with a count: without one a cell passes whatever it does."""
    counts = [cell.execution_count for _, cell in notebook.of_type("code")]
    expected = list(range(1, len(counts) + 1))
    return [] if counts == expected else [f"execution counts are {counts}; run `make notebooks`"]


@rule
def no_errors(notebook: Notebook) -> list[str]:
    found = []
    for number, output in notebook.outputs():
        if output.output_type == "error":
            found.append(f"cell {number}: an error output, {output.ename}: {output.evalue}")
        elif output.get("name") == "stderr":
            found.append(f"cell {number}: writes to stderr: {output.text[:80]!r}")
    return found


@rule
def no_widget_state(notebook: Notebook) -> list[str]:
    return ["holds widget state"] if "vnd.jupyter.widget" in notebook.text else []


@rule
def nbval_exceptions(notebook: Notebook) -> list[str]:
    """Only nbval-ignore-output, seldom, and with the reason as a comment in the cell."""
    found, ignored = [], 0
    for number, cell in notebook.of_type("code"):
        tags = cell.metadata.get("tags", [])
        others = [
            tag
            for tag in tags
            if tag == "raises-exception"
            or (tag.startswith("nbval-") and "ignore-output" not in tag)
        ]
        if others or NBVAL_MARK.search(cell.source):
            found.append(
                f"cell {number}: of nbval's marks only the tag nbval-ignore-output is used"
            )
        if "nbval-ignore-output" in tags:
            ignored += 1
            if not re.search(r"#\s*\w+(\s+\S+){2,}", cell.source):
                found.append(f"cell {number}: nbval-ignore-output without a comment that says why")
    if ignored > IGNORED_OUTPUTS:
        found.append(f"{ignored} cells ignore their output; at most {IGNORED_OUTPUTS}")
    return found


@rule
def nothing_of_this_machine(notebook: Notebook) -> list[str]:
    """No absolute path and no object address, in source or output."""
    texts = [(number, cell.source) for number, cell in enumerate(notebook.cells, 1)]
    texts += [(number, text) for number, output in notebook.outputs() for text in _texts(output)]
    return [
        f"cell {number}: {match.group()!r} holds on one machine only"
        for number, text in texts
        for pattern in (ABSOLUTE_PATH, OBJECT_ADDRESS)
        if (match := pattern.search(text))
    ]


# ------------------------------------------------------------------------- offline, accessible


@rule
def no_install_no_download(notebook: Notebook) -> list[str]:
    return [
        f"cell {number}: {match.group().strip()!r} installs or fetches something"
        for number, cell in notebook.of_type("code")
        if (match := INSTALLS_OR_DOWNLOADS.search(cell.source))
    ]


@rule
def no_remote_images(notebook: Notebook) -> list[str]:
    texts = [(number, cell.source) for number, cell in notebook.of_type("markdown")]
    texts += [(number, text) for number, output in notebook.outputs() for text in _texts(output)]
    return [
        f"cell {n}: an image from another host" for n, text in texts if REMOTE_IMAGE.search(text)
    ]


@rule
def images_have_words(notebook: Notebook) -> list[str]:
    """Alternative text: for a figure the text/plain beside it, a sentence."""
    found = [
        f"cell {number}: an image without alternative text"
        for number, cell in notebook.of_type("markdown")
        if NAMELESS_IMAGE.search(cell.source)
    ]
    for number, output in notebook.outputs():
        data = output.get("data", {})
        if any(kind.startswith("image/") for kind in data):
            words = data.get("text/plain", "").strip()
            if words.startswith("<") or len(words.split()) < 4 or not words.endswith("."):
                found.append(
                    f"cell {number}: the text beside the image is no sentence: {words[:60]!r}"
                )
    return found


@rule
def links_resolve(notebook: Notebook) -> list[str]:
    """Files exist, inside the repository; anchors are headings of the notebook they point into."""
    found = []
    for number, cell in notebook.of_type("markdown"):
        prose = _without_code(cell.source)
        for target in _targets(LINK, prose) + _targets(IMAGE, prose):
            if re.match(r"[a-z]+:", target):  # another host, an attachment, data
                continue
            file, _, anchor = target.partition("#")
            path = notebook.folder / file if file else notebook.folder / notebook.name
            if file and not path.exists():
                found.append(f"cell {number}: {target} does not exist")
            elif anchor and path.suffix == ".ipynb" and anchor not in _anchors(notebook, path):
                found.append(f"cell {number}: {target} points to no heading")
    return found


@rule
def setup_only_imports(notebook: Notebook) -> list[str]:
    """Imports, and how NumPy and torch print."""
    cell = setup_cell(notebook)
    if cell is None:
        return ["no code under '## Set-up'"] if notebook.is_topic else []
    statements = ast.parse(cell.source).body
    others = [s for s in statements if not isinstance(s, ast.Import | ast.ImportFrom | ast.Expr)]
    calls = (s for s in statements if isinstance(s, ast.Expr))
    others += [s for s in calls if not ast.unparse(s).split("(")[0].endswith("set_printoptions")]
    return [f"the set-up cell does more than import: {ast.unparse(s)}" for s in others]


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
    cells = [
        (notebook.name, cell.source)
        for notebook in notebooks
        if notebook.is_topic and (cell := setup_cell(notebook)) is not None
    ]
    return [
        f"{name}: its set-up cell differs from that of {cells[0][0]}"
        for name, source in cells
        if source != cells[0][1]
    ]


# ------------------------------------------------------------------------------------ helpers


def notebook_prose(notebook: Notebook) -> str:
    return "\n\n".join(cell.source for _, cell in notebook.of_type("markdown"))


def _code_lines(source: str) -> list[str]:
    return [line for line in source.splitlines() if line.strip()]


def _without_code(markdown: str) -> str:
    markdown = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "code", markdown)


def _words(markdown: str) -> list[str]:
    """Words that a reader reads: a formula counts as one, an address and a tag as none."""
    prose = _without_code(markdown)
    prose = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", " formula ", prose, flags=re.DOTALL)
    prose = re.sub(r"<[^>]+>|\]\([^)]*\)", " ", prose)
    return re.findall(r"[^\W\d_][\w'’-]*", prose)


def _headings(notebook: Notebook) -> list[str]:
    prose = "\n\n".join(_without_code(cell.source) for _, cell in notebook.of_type("markdown"))
    return [line.strip() for line in prose.splitlines() if re.match(r"#{1,6} ", line)]


def _targets(pattern: re.Pattern[str], prose: str) -> list[str]:
    return [first or second for first, second in pattern.findall(prose)]


def _anchors(notebook: Notebook, path: Path) -> set[str]:
    """Jupyter's anchors: a heading with hyphens for spaces; and ids given by hand."""
    if path.name == notebook.name:
        prose = notebook_prose(notebook)
    else:
        from tests.tools.notebooks import read

        prose = "\n\n".join(
            cell.source for cell in read(path).cells if cell.cell_type == "markdown"
        )
    titles = re.findall(r"^#{1,6} +(.+?)\s*$", prose, flags=re.MULTILINE)
    plain = (re.sub(r"[`*]", "", title) for title in titles)
    by_hand = re.findall(r"\b(?:id|name)\s*=\s*[\"']([^\"']+)", prose)
    return {title.replace(" ", "-") for title in plain} | set(by_hand)


def _texts(output: NotebookNode) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    data = output.get("data", {})
    return [
        text for kind, text in data.items() if kind.startswith("text/") and isinstance(text, str)
    ]
