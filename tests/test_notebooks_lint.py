"""The notebooks keep the rules, and each rule catches a notebook that does not."""

import copy
import json

import nbformat.v4 as v4
import pytest
from nbformat import NotebookNode

from posenc_lib import explorers
from tests.tools import notebook_rules as rules
from tests.tools.notebook_rules import RULES, Notebook
from tests.tools.notebooks import NOTEBOOKS, WIDGET_VIEW, all_notebooks, normalised, read, to_text

PATHS = all_notebooks()
NAMES = tuple(path.name for path in PATHS)


def load(path) -> Notebook:
    text = path.read_text(encoding="utf-8")
    return Notebook(path.name, path.parent, text, read(path).cells, NAMES)


def test_there_are_notebooks():
    assert rules.START in NAMES
    assert len(NAMES) >= 2


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_rule_is_kept(path, rule):
    assert rule(load(path)) == []


def test_every_explorer_is_shown_in_a_notebook():
    """The browser tests drive the panels of the notebooks, with what each notebook gives them."""
    text = "".join(path.read_text(encoding="utf-8") for path in all_notebooks())
    names = [name for name in explorers.__all__ if name.endswith("_explorer")]
    assert names and [name for name in names if f"explorers.{name}(" not in text] == []


def test_set_up_is_the_same_everywhere():
    assert rules.setup_cells_differ([load(path) for path in PATHS]) == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_normalising_again_changes_nothing(path):
    text = path.read_text(encoding="utf-8")
    assert to_text(normalised(read(path))) == text, "run `make notebooks`"


# ------------------------------------------------- the rules on a good sample, and a bad one each


def good_cells() -> list[NotebookNode]:
    """A small notebook that keeps every rule."""
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
        v4.new_markdown_cell("## Predict first\n\n<details>\nFour.\n</details>"),
        v4.new_code_cell("2 + 2", outputs=[v4.new_output("stream", text="4\n")]),
        v4.new_markdown_cell("A picture, with the formula $a + b$ and some `code()`."),
        v4.new_code_cell("math.sqrt(4)", outputs=[figure]),
        v4.new_markdown_cell("## Exercises\n\n### Exercise 1\n\n<details>\nA hint.\n</details>"),
        v4.new_markdown_cell("### Exercise 2\n\n<details>\nA hint.\n</details>"),
        v4.new_markdown_cell("## A real pitfall"),
        v4.new_markdown_cell("## Summary"),
    ]
    cells += [v4.new_markdown_cell("More.") for _ in range(rules.CELLS[0] - len(cells))]
    for count, cell in enumerate((c for c in cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    return cells


def sample(cells: list[NotebookNode]) -> Notebook:
    names = ("00_start_here.ipynb", "01_sample.ipynb", "02_next.ipynb")
    text = json.dumps(v4.new_notebook(cells=cells))
    return Notebook("01_sample.ipynb", NOTEBOOKS, text, cells, names)


def source(number: int, text: str):
    """A change: put this text into the cell with this index."""

    def change(cells):
        cells[number].source = text

    return change


def append(number: int, text: str):
    def change(cells):
        cells[number].source += text

    return change


def drop(number: int, text: str):
    def change(cells):
        assert text in cells[number].source
        cells[number].source = cells[number].source.replace(text, "")

    return change


def output(*args, **kwargs):
    def change(cells):
        cells[4].outputs = [v4.new_output(*args, **kwargs)]

    return change


def tagged(*tags: str, text: str = "2 + 2"):
    def change(cells):
        cells[4].metadata["tags"] = list(tags)
        cells[4].source = text

    return change


def three_ignored(cells):
    for number in (2, 4, 6):
        cells[number].metadata["tags"] = ["nbval-ignore-output"]
        cells[number].source += "  # depends on the machine's speed"


IMAGE_ALONE = {"image/png": "aGVsbG8=", "text/plain": "<Figure size 640x480 with 1 Axes>"}

BAD = [
    (rules.cell_budget, lambda cells: cells.pop()),
    (rules.cell_budget, lambda cells: cells.extend(v4.new_markdown_cell("x") for _ in range(20))),
    (rules.code_length, source(4, "a = 1\n" * 16)),
    (rules.code_length, lambda cells: [source(n, "a = 1\n" * 5)(cells) for n in (4, 6)]),
    (rules.word_budget, append(-1, " word" * 1200)),
    (rules.file_size, append(-1, "x" * 500_000)),
    (rules.opening, source(0, "Sample")),
    (rules.opening, drop(0, "**Question.**")),
    (rules.opening, drop(0, "[next](02_next.ipynb)")),
    (rules.headings, append(-1, "\n\n# Another title")),
    (rules.headings, source(9, "A pitfall")),
    (rules.headings, lambda cells: cells.insert(1, cells.pop(10))),
    (rules.exercises, drop(8, "### Exercise 2")),
    (rules.exercises, drop(8, "<details>")),
    (rules.prose_before_code, lambda cells: cells.insert(0, v4.new_code_cell("1"))),
    (rules.prose_before_code, lambda cells: [cells.insert(4, v4.new_code_cell("1")) for _ in "12"]),
    (rules.no_empty_cell, source(-1, " \n")),
    (rules.executed_in_order, lambda cells: cells[4].update(execution_count=None)),
    (rules.executed_in_order, lambda cells: cells[4].update(execution_count=7)),
    (rules.no_errors, output("error", ename="ValueError", evalue="no", traceback=[])),
    (rules.no_errors, output("stream", name="stderr", text="Warning: no")),
    (rules.no_widget_state, output("display_data", {WIDGET_VIEW: {"model_id": "1"}})),
    (rules.nbval_exceptions, tagged("nbval-skip")),
    (rules.nbval_exceptions, tagged("raises-exception")),
    (rules.nbval_exceptions, tagged("nbval-ignore-output")),
    (rules.nbval_exceptions, source(4, "# NBVAL_IGNORE_OUTPUT\n2 + 2")),
    (rules.nbval_exceptions, three_ignored),
    (rules.nothing_of_this_machine, source(4, "open('/home/someone/x')")),
    (rules.nothing_of_this_machine, output("stream", text="<object at 0x7f00deadbeef>")),
    (rules.no_install_no_download, source(4, "!pip install torch")),
    (rules.no_install_no_download, source(4, "model = BertModel.from_pretrained('x')")),
    (rules.no_remote_images, append(-1, "![A cat.](https://example.org/cat.png)")),
    (rules.no_remote_images, output("display_data", {"text/html": "<img src='//example.org/x'>"})),
    (rules.images_have_words, append(-1, "![](picture.png)")),
    (rules.images_have_words, append(-1, "<img src='picture.png'>")),
    (rules.images_have_words, output("display_data", IMAGE_ALONE)),
    (rules.links_resolve, append(-1, "[gone](gone.ipynb)")),
    (rules.links_resolve, append(-1, "[nowhere](#No-such-heading)")),
    (rules.setup_only_imports, append(2, "\nmath.sqrt(4)")),
    (rules.setup_only_imports, source(1, "No set-up")),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_good_sample_passes(rule, tmp_path):
    for name in ("00_start_here.ipynb", "02_next.ipynb"):
        (tmp_path / name).write_text("{}")
    good = sample(good_cells())
    assert rule(Notebook(good.name, tmp_path, good.text, good.cells, good.names)) == []


@pytest.mark.parametrize(("rule", "spoil"), BAD, ids=lambda value: getattr(value, "__name__", ""))
def test_bad_sample_is_caught(rule, spoil):
    before = rule(sample(good_cells()))
    cells = good_cells()
    spoil(cells)
    assert len(rule(sample(cells))) > len(before)


def test_every_rule_has_a_bad_sample():
    assert {rule.__name__ for rule, _ in BAD} == {rule.__name__ for rule in RULES}


def test_different_set_up_is_caught():
    one, other = sample(good_cells()), sample(good_cells())
    other.cells[2].source = "import numpy"
    assert rules.setup_cells_differ([one, other]) != []
    assert rules.setup_cells_differ([one, one]) == []


def test_code_and_formulas_are_not_prose():
    prose = "Two words $a + b + c$ `x = 1` [link](file.md)\n\n```python\nx = 1\n```\n"
    assert len(rules._words(prose)) == 5  # Two, words, the formula, the code, link


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
