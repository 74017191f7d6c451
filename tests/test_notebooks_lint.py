"""The notebooks keep the rules, and each rule catches a notebook that does not."""

import copy
import json
from dataclasses import replace

import nbformat.v4 as v4
import pytest
from nbformat import NotebookNode

from posenc_lib import explorers
from tests.tools import notebook_rules as rules
from tests.tools.notebook_rules import RULES, Notebook
from tools.notebooks import NOTEBOOKS, WIDGET_VIEW, all_notebooks, normalised, read, to_text

PATHS = all_notebooks()
NAMES = tuple(path.name for path in PATHS)


def load(path) -> Notebook:
    text = path.read_text(encoding="utf-8")
    return Notebook(path.name, path.parent, text, read(path).cells, NAMES)


def test_there_are_notebooks():
    assert rules.START in NAMES
    assert len(NAMES) >= 2


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_notebook_keeps_every_rule(path):
    notebook = load(path)
    assert [f"{rule.__name__}: {text}" for rule in RULES for text in rule(notebook)] == []
    assert to_text(normalised(read(path))) == notebook.text, "run `make notebooks`"


def test_every_explorer_is_shown_in_a_notebook():
    """The browser tests drive the panels of the notebooks, with what each notebook gives them."""
    text = "".join(path.read_text(encoding="utf-8") for path in all_notebooks())
    names = [name for name in explorers.__all__ if name.endswith("_explorer")]
    assert names and [name for name in names if f"explorers.{name}(" not in text] == []


def test_set_up_is_the_same_everywhere():
    assert rules.setup_cells_differ([load(path) for path in PATHS]) == []


# ------------------------------------------------- the rules on a good sample, and a bad one each


def good_cells() -> list[NotebookNode]:
    """A small notebook that keeps every rule, and has what the richer ones have."""
    folds = "<details><summary>{}</summary>\nFour.\n</details>"
    help_ = folds.format("Hint") + folds.format("Solution")
    opening = (
        "# Sample\n\n**Question.** Why?\n\nAfter this notebook you can read. "
        "10 minutes. Needs: 00.\n"
        "[Previous](00_start_here.ipynb), [next](02_next.ipynb), [below](#Set-up)"
    )
    figure = v4.new_output(
        "display_data", {"image/png": "aGVsbG8=", "text/plain": "A line that rises slowly."}
    )
    cells = [
        v4.new_markdown_cell(opening),
        v4.new_markdown_cell("## Set-up"),
        v4.new_code_cell("import math"),
        v4.new_markdown_cell("## A puzzle\n\n" + folds.format("The answer")),
        v4.new_code_cell("2 + 2", outputs=[v4.new_output("stream", text="4\n")]),
        v4.new_markdown_cell("A picture, with the formula $a + b$ and some `code()`."),
        v4.new_code_cell("math.sqrt(4)", outputs=[figure]),
        v4.new_markdown_cell(f"## Exercises\n\n### Exercise 1\n\n{help_}"),
        v4.new_markdown_cell(f"### Exercise 2\n\n{help_}"),
        v4.new_markdown_cell("## A real pitfall"),
        v4.new_markdown_cell("## Recap"),
        v4.new_markdown_cell("## Who uses this today"),
        *(v4.new_markdown_cell("More.") for _ in range(rules.CELLS[0] - 13)),
        v4.new_markdown_cell("## Summary\n\n**References.** One.\n\n[Next](02_next.ipynb)"),
    ]
    for count, cell in enumerate((c for c in cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    return cells


def sample(cells: list[NotebookNode], folder=NOTEBOOKS) -> Notebook:
    names = ("00_start_here.ipynb", "01_sample.ipynb", "02_next.ipynb")
    text = json.dumps(v4.new_notebook(cells=cells))
    return Notebook("01_sample.ipynb", folder, text, cells, names)


def source(number: int, text: str):
    """A change: put this text into the cell with this index."""
    return lambda cells: cells[number].update(source=text)


def append(text: str):
    return lambda cells: cells[-1].update(source=cells[-1].source + text)


def drop(number: int, text: str):
    def change(cells):
        assert text in cells[number].source
        cells[number].source = cells[number].source.replace(text, "")

    return change


def output(*args, **kwargs):
    return lambda cells: cells[4].update(outputs=[v4.new_output(*args, **kwargs)])


def ignored(cells, reason="  # depends on the machine's speed", tag="nbval-ignore-output"):
    for number in (2, 4, 6):
        cells[number].metadata["tags"] = [tag]
        cells[number].source += reason


IMAGE_ALONE = {"image/png": "aGVsbG8=", "text/plain": "<Figure size 640x480 with 1 Axes>"}
REMOTE = "<img src='//example.org/x' alt='A cat.'>"

BAD = [
    (rules.budgets, lambda cells: cells.pop(), "24 cells"),
    (rules.budgets, lambda cells: cells.extend(map(v4.new_markdown_cell, "x" * 21)), "46 cells"),
    (rules.budgets, source(4, "a = 1\n" * 16), "16 lines in the longest"),
    (rules.budgets, lambda cells: [source(n, "a = 1\n" * 5)(cells) for n in (4, 6)], "5 lines"),
    (rules.budgets, append(" word" * 2400), "words"),
    (rules.budgets, append("x" * 500_000), "bytes"),
    (rules.opening, source(0, "Sample"), "starts with the title"),
    (rules.opening, drop(0, "**Question.**"), "Question"),
    (rules.opening, append("**Question.** And?"), "more than one question"),
    (rules.opening, drop(0, "[next](02_next.ipynb)"), "02_next"),
    (rules.opening, drop(-1, "[Next](02_next.ipynb)"), "last cell"),
    (rules.parts, append("\n\n# Another title"), "one title"),
    (rules.parts, source(9, "A pitfall"), "no heading '## A real pitfall'"),
    (rules.parts, lambda cells: cells.insert(1, cells.pop(10)), "out of order"),
    (rules.parts, drop(-1, "**References.**"), "no references"),
    (rules.exercises, drop(8, "### Exercise 2"), "1 exercises"),
    (rules.exercises, drop(8, "Hint"), "exercise 2 has no folded hint"),
    (rules.exercises, drop(8, "Solution"), "exercise 2 has no folded solution"),
    (rules.exercises, append("<details>"), "not closed"),
    (rules.setup_only_imports, source(2, "import math\nmath.sqrt(4)"), "math.sqrt(4)"),
    (rules.setup_only_imports, source(1, "No set-up"), "no code"),
    (rules.outputs_are_there, lambda cells: cells[4].update(execution_count=None), "None"),
    (rules.outputs_are_there, lambda cells: cells[4].update(execution_count=7), "7"),
    (
        rules.outputs_are_there,
        output("error", ename="ValueError", evalue="no", traceback=[]),
        "cell 5",
    ),
    (rules.outputs_are_there, output("stream", name="stderr", text="Warning: no"), "cell 5"),
    (rules.nbval_exceptions, lambda cells: ignored(cells, tag="raises-exception"), "only the tag"),
    (rules.nbval_exceptions, lambda cells: ignored(cells, reason=""), "without a comment"),
    (rules.nbval_exceptions, source(4, "# NBVAL_IGNORE_OUTPUT\n2 + 2"), "only the tag"),
    (rules.nbval_exceptions, ignored, "at most 2"),
    (rules.runs_anywhere, source(4, "open('/home/someone/x')"), "'/home/'"),
    (rules.runs_anywhere, output("stream", text="<A at 0x7f00deadbeef>"), "0x7f00"),
    (rules.runs_anywhere, source(4, "!pip install torch"), "!pip"),
    (rules.runs_anywhere, source(4, "m = Bert.from_pretrained('x')"), "from_pretrained"),
    (rules.images, append("![A cat.](https://example.org/cat.png)"), "another host"),
    (rules.images, output("display_data", {"text/html": REMOTE}), "another host"),
    (rules.images, append("![](picture.png)"), "alternative text"),
    (rules.images, append("<img src='picture.png'>"), "alternative text"),
    (rules.images, output("display_data", IMAGE_ALONE), "no sentence"),
    (rules.links_resolve, append("[gone](gone.ipynb)"), "gone.ipynb does not exist"),
    (rules.links_resolve, append("[nowhere](#No-such-heading)"), "points to no heading"),
]


@pytest.mark.parametrize(
    ("rule", "spoil", "said"), BAD, ids=[f"{rule.__name__}: {said}" for rule, _, said in BAD]
)
def test_each_rule_catches_a_notebook_that_breaks_it(rule, spoil, said, tmp_path):
    for name in ("00_start_here.ipynb", "02_next.ipynb"):
        (tmp_path / name).write_text("{}")
    cells = good_cells()
    assert [complaint for each in RULES for complaint in each(sample(cells, tmp_path))] == []
    spoil(cells)
    assert any(said in complaint for complaint in rule(sample(cells, tmp_path)))


def test_every_rule_has_a_bad_sample():
    assert {rule.__name__ for rule, *_ in BAD} == {rule.__name__ for rule in RULES}


def test_different_set_up_is_caught():
    one, other = sample(good_cells()), sample(good_cells())
    assert rules.setup_cells_differ([one, other]) == []
    other = replace(other, name="02_next.ipynb")
    other.cells[2].source = "import numpy"
    assert rules.setup_cells_differ([one, other]) != []


def test_code_and_formulas_are_not_prose():
    prose = "Two words $a + b + c$ `x = 1` [link](file.md)\n\n```python\nx = 1\n```\n"
    assert len(rules.words(prose)) == 5  # Two, words, the formula, the code, link


# -------------------------------------------------------------------------- what normalising does


def test_normalising_keeps_outputs_and_drops_the_rest():
    stream = [v4.new_output("stream", text="a\n"), v4.new_output("stream", text="b\n")]
    view = v4.new_output(
        "display_data",
        {WIDGET_VIEW: {"model_id": "1"}, "text/plain": "A panel.", "image/png": "aGVsbG8=\n"},
        metadata={"image/png": {"width": 400}, WIDGET_VIEW: {}},
    )
    only_view = v4.new_output("display_data", {WIDGET_VIEW: {"model_id": "2"}})
    cell = v4.new_code_cell(
        "x\n",
        execution_count=3,
        outputs=[*stream, view, only_view],
        metadata={"tags": ["t"], "execution": {"iopub.execute_input": "now"}, "collapsed": False},
    )
    notebook = v4.new_notebook(
        cells=[cell],
        metadata={"widgets": {"state": 1}, "language_info": {"name": "python", "version": "3.11"}},
    )
    notebook.cells.append(copy.deepcopy(cell))
    result = normalised(notebook)
    first, second = result.cells
    assert first.id == cell.id != second.id
    assert first.metadata == {"tags": ["t"]}
    assert (first.source, first.execution_count) == ("x", 3)
    assert [o.output_type for o in first.outputs] == ["stream", "display_data"]
    assert first.outputs[0].text == "a\nb\n"
    assert first.outputs[1].data == {"text/plain": "A panel.", "image/png": "aGVsbG8="}
    assert first.outputs[1].metadata == {"image/png": {"width": 400}}
    assert set(result.metadata) == {"kernelspec", "language_info"}
    assert "version" not in result.metadata.language_info
    assert to_text(normalised(result)) == to_text(result)
