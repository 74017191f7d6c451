"""A deck as one HTML file; what it loads lies beside it."""

import base64
import hashlib
import json
import re
from html import escape, unescape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from nbconvert.filters import Highlight2HTML, markdown2html
from nbformat import NotebookNode

from tools.book.executed import STATE, models_of
from tools.decks.cut import Part
from tools.decks.slides import HEIGHT, WIDTH, Slide, in_columns, slides_of
from tools.notebooks import WIDGET_VIEW

HERE = Path(__file__).parent
NARROW = 0.605
"""How wide a letter of the code is, in sizes of its font."""


def deck(notebook: NotebookNode, name: str, pages: set[str], folder: Path) -> str:
    """The HTML of one notebook's slides; `pages` are the notebooks that its links may lead to.

    Its pictures are written to `folder`/pictures.
    """
    slides = slides_of(notebook)
    total = slides[-1].until if slides else 0
    body = [render(slide, folder, total) for slide in slides]
    wanted = set(re.findall(r'"model_id": "(\w+)"', "".join(body)))
    text = (
        environment()
        .get_template("template.html.j2")
        .render(
            title=title(notebook) or name,
            slides=body,
            width=WIDTH,
            height=HEIGHT,
            state=_script(widget_state(notebook)) if wanted else "",
            state_kind=STATE,
            seconds=sum(slide.seconds for slide in slides),
        )
    )
    return linked(text, pages)


def environment() -> Environment:
    return Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True)


def widget_state(notebook: NotebookNode) -> dict[str, object]:
    return {"version_major": 2, "version_minor": 0, "state": models_of(notebook)}


def _script(content: object) -> str:
    """JSON that a script tag can hold."""
    return json.dumps(content).replace("<", "\\u003c")


def linked(body: str, pages: set[str]) -> str:
    """The links to these notebooks lead to their decks."""

    def rewritten(match: re.Match[str]) -> str:
        before, stem, after = match.groups()
        return f"{before}{stem}.html{after}" if f"{unescape(stem)}.ipynb" in pages else match[0]

    return re.sub(r'(href=")([^"?#]+)\.ipynb((?:#[^"]*)?")', rewritten, body)


def title(notebook: NotebookNode) -> str:
    """Of a notebook, without the sign of the heading."""
    found = re.search(r"^# +(.+)$", opening(notebook), flags=re.MULTILINE)
    return found[1].strip() if found else ""


def question(notebook: NotebookNode) -> str:
    """The paragraph below the title."""
    parts = re.split(r"\n{2,}", opening(notebook).strip())
    return parts[1] if len(parts) > 1 and parts[0].startswith("# ") else ""


def opening(notebook: NotebookNode) -> str:
    return next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")


def render(slide: Slide, folder: Path, total: int = 0) -> str:
    """One slide as a section of reveal.js."""
    kicker = f'<p class="kicker">{_inline(slide.kicker)}</p>' if slide.kicker else ""
    level = 1 if slide.kind == "title" else 2
    name = re.sub(r"\s+", "-", slide.title) if slide.level else ""
    anchor = f' id="{escape(name)}"' if name else ""
    heading = f"<h{level}{anchor}>{_inline(slide.title)}</h{level}>"
    if slide.beside:
        texts = "\n".join(shown(part, folder) for part in slide.parts if part.kind != "picture")
        pictures = [shown(part, folder) for part in slide.parts if part.kind == "picture"]
        parts = f'{pictures[0]}\n<div class="texts">{texts}</div>'
    else:
        parts = "\n".join(shown(part, folder) for part in slide.parts)
    style = "body beside" if slide.beside else "body"
    head = f"<header>{kicker}{heading}</header>"
    timing = f' data-timing="{slide.seconds}"' if slide.seconds else ""
    return (
        f'<section class="slide-{slide.kind}"{timing}>\n<div class="stage">\n{head}\n'
        f'<div class="{style}">\n{parts}\n</div>\n</div>\n{notes(slide, total)}</section>'
    )


def notes(slide: Slide, total: int) -> str:
    """What the speaker reads: how long the section takes, and all that the slide leaves out.

    Formulas stay in TeX there: the speaker's window has nothing that would set them.
    """
    texts = list(slide.notes)
    if slide.kind == "panel" and slide.parts[0].code:
        texts.append(f"```python\n{slide.parts[0].code}\n```")
    if total:
        plural = "" if slide.minutes == 1 else "s"
        begins = (
            f"**{slide.title}: about {slide.minutes} minute{plural}.** " if slide.minutes else ""
        )
        texts.insert(0, f"{begins}*Done here by minute {slide.until} of {total}.*")
    if not texts:
        return ""
    told = markdown2html("\n\n".join(texts))
    return f'<aside class="notes tex2jax_ignore">{told}</aside>\n'


def _inline(text: str) -> str:
    """A heading, whose number begins no list."""
    text = re.sub(r"^(\d+)\.", r"\1\\.", text.strip())
    return re.sub(r"^\s*<p>|</p>\s*$", "", markdown2html(text).strip())


def shown(part: Part, folder: Path) -> str:
    """The HTML of a part."""
    if part.kind in ("code", "source"):
        return code(part.shown, part.kind)
    if part.kind == "output":
        printed = lines(escape(part.shown))
        style = "output columns" if in_columns(part) else "output"
        return f'<pre class="{style}"{_fitting(part.shown)}>{printed}</pre>{folded(part)}'
    if part.kind == "picture":
        return f'<figure class="picture">{still(part, folder)}</figure>{folded(part)}'
    if part.kind == "panel":
        return panel(part, folder)
    kind = "answer" if part.kind == "answer" else "prose"
    text = part.shown if part.shown.lstrip().startswith("<table") else markdown2html(part.shown)
    return f'<div class="{kind}">{text}</div>{folded(part) if part.kind == "table" else ""}'


def code(source: str, kind: str = "code") -> str:
    """Highlighted Python, each line an element of its own, which wraps with an indent."""
    highlighted = Highlight2HTML("python3", extra_formatter_options={"nowrap": True})
    formatted = highlighted(source)
    return f'<pre class="highlight {kind}"{_fitting(source)}>{lines(formatted.rstrip())}</pre>'


def lines(text: str) -> str:
    return "".join(f'<span class="line">{line or " "}</span>' for line in text.split("\n"))


def _fitting(text: str) -> str:
    """The size at which the longest line needs no second one."""
    longest = max(map(len, text.split("\n")), default=1)
    return f' style="--own: {min((WIDTH - 120) / NARROW / max(longest, 1), 40):.1f}px"'


def folded(part: Part) -> str:
    """The code of a picture, for who asks for it."""
    if not part.code:
        return ""
    return f'<details class="fold"><summary>Code</summary>{code(part.code)}</details>'


def still(part: Part, folder: Path, name: str = "") -> str:
    """A picture of an output, in a file of its own."""
    assert part.output is not None
    data = part.output["data"]
    png = base64.b64decode(data["image/png"])
    file = f"{hashlib.sha256(png).hexdigest()[:16]}.png"
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "pictures" / file).write_bytes(png)
    about = part.output.get("metadata", {}).get("image/png", {}).get("alt", "")
    alt = escape(about or data.get("text/plain", ""), quote=True)
    return f'<img class="{name}" src="pictures/{file}" alt="{alt}">'


def panel(part: Part, folder: Path) -> str:
    """A live panel; its still picture stands until it has drawn, and where no script runs."""
    assert part.output is not None
    data = part.output["data"]
    picture = still(part, folder, "posenc-still") if "image/png" in data else ""
    view = _script(data[WIDGET_VIEW])
    return (
        f'<div class="jupyter-widgets posenc-room posenc-whole" data-prevent-swipe>{picture}'
        f'<script type="{WIDGET_VIEW}">{view}</script></div>'
    )


def index(entries: list[tuple[str, str, str, int, int]]) -> str:
    """The page that lists the decks: address, title, question, slides and minutes of each."""
    shown_entries = [(*entry[:2], markdown2html(entry[2]), *entry[3:]) for entry in entries]
    return environment().get_template("index.html.j2").render(entries=shown_entries)
