"""An executed notebook as a page or a deck of slides, and the index of them."""

import re
from html import unescape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from nbconvert.exporters import HTMLExporter, SlidesExporter
from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from traitlets.config import Config

from posenc_lib.explorers.saved import SENTENCE
from tools.pages.deck import HEIGHT, WIDTH, as_deck

TEMPLATES = Path(__file__).with_name("templates")
STATE = "application/vnd.jupyter.widget-state+json"
MATHJAX = "assets/mathjax/MathJax.js?config=TeX-AMS_CHTML-full,Safe"


def page(notebook: NotebookNode, name: str, pages: set[str]) -> str:
    """The HTML of one notebook; `pages` are the notebooks that its links may lead to."""
    return _exported(HTMLExporter, "posenc_page", without_saved(notebook), name, pages)


def deck(notebook: NotebookNode, name: str, pages: set[str]) -> str:
    """The same notebook as slides."""
    shown = as_deck(without_saved(notebook))
    return _exported(SlidesExporter, "posenc_deck", shown, name, pages)


def _exported(kind: type, template: str, notebook: NotebookNode, name: str, pages: set[str]) -> str:
    settings = Config()
    settings.HTMLExporter.update(
        template_name=template,
        extra_template_basedirs=[str(TEMPLATES)],
        extra_template_paths=[str(TEMPLATES / "shared")],
        require_js_url="assets/requirejs/require.js",
        mathjax_url=MATHJAX,
        widget_renderer_url="assets/html-manager/dist/embed-amd.js",
        jquery_url="",  # the deck's template does without
        mermaid_js_url="",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    settings.SlidesExporter = Config(
        settings.HTMLExporter,
        reveal_url_prefix="assets/reveal.js",
        reveal_theme="white",
        reveal_width=str(WIDTH),
        reveal_height=str(HEIGHT),
    )
    body, _ = kind(config=settings).from_notebook_node(
        without_lost_buffers(notebook), resources={"metadata": {"name": title(notebook) or name}}
    )
    return linked(body, pages)


def linked(body: str, pages: set[str]) -> str:
    """The links to these notebooks lead to their pages."""

    def rewritten(match: re.Match[str]) -> str:
        before, stem, after = match.groups()
        return f"{before}{stem}.html{after}" if f"{unescape(stem)}.ipynb" in pages else match[0]

    return re.sub(r'(href=")([^"?#]+)\.ipynb((?:#[^"]*)?")', rewritten, body)


def without_saved(notebook: NotebookNode) -> NotebookNode:
    """Drop what stands in a saved notebook for a lost panel: here the panels live."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if _text(o) != SENTENCE]
    return notebook


def _text(output: NotebookNode) -> str:
    return output.get("data", {}).get("text/plain", "")


def without_lost_buffers(notebook: NotebookNode) -> NotebookNode:
    """Drop the bytes whose place in a widget's state is gone.

    A panel that drew four views and then three leaves those of the fourth behind, and the page
    would stop at them.
    """
    models = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    for model in models.values():
        if "buffers" in model:
            model["buffers"] = [b for b in model["buffers"] if _has(model["state"], b["path"])]
    return notebook


def _has(state: object, path: list[str | int]) -> bool:
    """Whether the holder of the last step is there; the step itself was taken out to travel."""
    for step in path[:-1]:
        try:
            state = state[step]
        except (KeyError, IndexError, TypeError):
            return False
    return isinstance(state, dict) or (isinstance(state, list) and path[-1] < len(state))


def title(notebook: NotebookNode) -> str:
    found = re.search(r"^# +(.+)$", _opening(notebook), flags=re.MULTILINE)
    return found[1].strip() if found else ""


def question(notebook: NotebookNode) -> str:
    """The paragraph below the title."""
    blocks = re.split(r"\n{2,}", _opening(notebook).strip())
    return blocks[1] if len(blocks) > 1 and blocks[0].startswith("# ") else ""


def _opening(notebook: NotebookNode) -> str:
    return next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")


def index(notebooks: dict[str, NotebookNode], kind: str) -> str:
    """The page that lists all others, with the question that each one asks."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    entries = [
        (f"{stem}.html", title(notebook) or stem, markdown2html(question(notebook)))
        for stem, notebook in notebooks.items()
    ]
    return environment.get_template("index.html.j2").render(entries=entries, kind=kind)
