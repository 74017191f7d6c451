"""What a lecture shows of a notebook, where its slides begin, and what the speaker is told."""

import base64
import re
import struct

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from posenc_lib.checks.questions import recap_questions
from tools.decks import page, prose
from tools.decks.cut import Part, lecture
from tools.decks.markdown import blocks
from tools.decks.minutes import lecture_minutes
from tools.decks.slides import Slide, slides_of
from tools.notebooks import WIDGET_VIEW, all_notebooks, read

TITLE = (
    "# 1. Waves\n\n**Question.** Why a wave?\n\nAfter this notebook you can\n\n- **see** it.\n\n"
    "**Time.** 40 minutes with the exercises. **Needs.** Nothing.\n\nNext: [2](two.ipynb)"
)


def text(source: str, slide_type: str = "") -> object:
    own = {"slideshow": {"slide_type": slide_type}} if slide_type else {}
    return new_markdown_cell(source, metadata=own)


def code(source: str, printed: str = "", size: tuple[int, int] = (), slide_type: str = "", **data):
    """A code cell, with what it printed, a picture of this size, or other outputs."""
    outputs = [new_output("stream", text=printed)] if printed else []
    if size:
        head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", *size) + bytes(24)
        data |= {"image/png": base64.b64encode(head).decode(), "text/plain": "its alt text"}
    outputs += [new_output("display_data", data=data)] if data else []
    own = {"slideshow": {"slide_type": slide_type}} if slide_type else {}
    return new_code_cell(source, outputs=outputs, metadata=own)


def made(*cells) -> list[Slide]:
    return slides_of(new_notebook(cells=list(cells)))


def outline(*cells) -> list[str]:
    """Each slide as its title and its parts: text as it is, all else by its kind."""
    return [
        "|".join([s.title, *(p.shown if p.kind == "text" else p.kind.upper() for p in s.parts)])
        for s in made(*cells)
    ]


# ------------------------------------------------------------------------------ the lecture cut


def test_a_lecture_leaves_out_what_a_reader_does_alone():
    cells = [
        text(TITLE),
        text("## Set-up\n\nImports."),
        code("import numpy as np", "loaded\n"),
        text("## Waves\n\nThey go on."),
        code("x = 1"),  # shows nothing
        text("## Exercises\n\n### Exercise 1: draw (10 minutes, easy)\n\nDraw."),
        code("checks.draw(...)", "not attempted yet"),
        text("## Summary\n\n- Waves.\n\n**References.**\n\n- Somebody 2017.\n\nNext: two."),
    ]
    assert outline(*cells) == [
        "1. Waves|**Question.** Why a wave?",
        "After this lecture you can|- **see** it.",
        "Waves|They go on.",
        "Summary|- Waves.",
    ]
    told = "\n".join(made(*cells)[-1].notes)
    assert "Somebody 2017" in told and "Next: two." in told


def test_code_loses_its_imports_and_what_only_draws():
    source = "from a import (\n    b,\n)\n\nx = b()\nprint(x)\nplots.waves(x)"
    parts = lecture(new_notebook(cells=[code(source, "3\n", (800, 200))]))[0].parts
    assert [(p.kind, p.shown) for p in parts[:2]] == [
        ("code", "x = b()\nprint(x)"),
        ("output", "3"),
    ]
    assert parts[2].kind == "picture" and parts[2].code.startswith("x = b()")


@pytest.mark.parametrize(("room", "kept"), [("rotary", ["source"]), ("lessons", [])])
def test_the_source_of_an_encoding_is_shown_and_that_of_a_helper_is_not(room, kept):
    shown = f"```python\n# posenc_lib/{room}/x.py\ndef f(a: int) -> int:\n    return a\n```"
    parts = lecture(new_notebook(cells=[code("show_source(f)", **{"text/markdown": shown})]))
    assert [part.kind for section in parts for part in section.parts] == kept
    if kept:
        assert parts[0].parts[0].shown.endswith("def f(a):\n    return a")


def test_metadata_of_a_cell_wins():
    long = "One short sentence here. " + ("Then much more of it follows. " * 20).strip()
    assert outline(text("## A"), text("a", "skip"), text("b", "notes"), text("c")) == ["A|c"]
    assert outline(text("## A\n\na"), text("b", "slide")) == ["A|a", "A|b"]
    assert outline(text("## A"), text(long, "-")) == [f"A|{long}"]
    assert outline(text("## A"), code("x = 1", slide_type="-")) == ["A|CODE"]


# ------------------------------------------------------------------------------- key sentences


def test_a_long_paragraph_shows_its_key_sentences():
    filler = "Nobody would miss this one on a slide at all. " * 6
    kept = ["It begins like this, in seven words.", "What is so?", "It is *never* so.", "The end."]
    whole = filler.join(f"{sentence} " for sentence in kept)
    assert prose.key_sentences(whole) == " ".join(kept)
    assert prose.key_sentences("Short. It stays. Run the cell.") == "Short. It stays."
    assert prose.key_sentences("Run the cell, and see.") == ""
    table = "| a |\n|---|\n" + "| many words here |\n" * 30
    assert prose.key_sentences(table) == table


def test_sentences_are_not_cut_in_formulas_names_and_brackets():
    given = "Su et al. 2021 say $a. B$ is it. **Bold. Two.** See [x. Y](z). `a. B` ends? Yes."
    found = prose.sentences(given)
    assert " ".join(found) == given
    assert len(found) == 5 and found[1] == "**Bold. Two.**"


def test_the_whole_paragraph_is_in_the_notes():
    long = "It begins like this, in seven words. " + "All can do without this one here. " * 12
    long = long.strip()
    slide = made(text("## A\n\n" + long))[0]
    assert len(slide.parts[0].shown) < len(long) / 2 and long in slide.notes


# --------------------------------------------------------------------------- where slides begin


def test_a_question_stands_alone_and_the_next_slide_answers():
    fold = "<details><summary>Answer</summary>\n\nBecause.\n\n</details>"
    cells = [text(f"## A\n\nWhy?\n\n{fold}\n\nIt is known."), code("f()", "1\n"), text("So it is.")]
    assert outline(*cells) == ["A|Why?", "A|ANSWER|It is known.|CODE|OUTPUT|So it is."]
    assert outline(text("## A\n\nWhy?"), cells[1]) == ["A|Why?", "A|CODE|OUTPUT"]


def test_what_does_not_fit_goes_on_and_nothing_is_lost():
    paragraphs = [f"Number {n} " + "word " * 30 for n in range(9)]
    found = outline(text("## A\n\n" + "\n\n".join(paragraphs)))
    assert len(found) > 3
    for paragraph in paragraphs:
        assert sum(paragraph.strip() in slide for slide in found) == 1
    long = "\n".join(f"x = {n}" for n in range(16))
    lines = [f"line {n} of what was printed, too wide for two columns" for n in range(30)]
    found = outline(text("## A"), code("f()", "\n".join(lines)))
    assert found == ["A|CODE", "A|OUTPUT", "A|OUTPUT"]
    function = "def f():" + "\n    ..." * 12
    shown = "```python\n# posenc_lib/scores/x.py\n" + "\n\n".join([function] * 2) + "\n```"
    found = outline(text("## A"), code("show_source(f)", **{"text/markdown": shown}))
    assert found == ["A|SOURCE", "A|SOURCE"]
    first, second = made(text("## A"), code(long, "y\n" * 10))
    assert first.parts[0].shown == long and second.parts[0].code == long


def test_a_panel_has_its_slide_and_short_text_before_it_goes_to_the_notes():
    panel = code("explorer()", size=(800, 600), **{WIDGET_VIEW: {"model_id": "a"}})
    assert outline(text("## A\n\nClocks."), panel, text("After.")) == ["A|PANEL", "A|After."]
    assert made(text("## A\n\nClocks."), panel)[0].notes == ["Clocks."]
    assert outline(text("## A\n\n$$x$$"), panel) == ["A|$$x$$", "A|PANEL"]


def test_a_picture_that_is_not_wide_has_its_text_beside_it_and_stays_in_sight():
    words = [f"Number {n} " + "word " * 25 for n in range(4)]
    square, wide = code("plots.a()", size=(800, 600)), code("plots.a()", size=(1600, 400))
    assert [s.beside for s in made(text("## A"), square, text("\n\n".join(words)))] == [True, True]
    assert [s.beside for s in made(text("## A"), wide, text(words[0]))] == [False]


def test_recap_questions_have_a_slide_each_and_the_notes_tell_the_answer():
    slides = made(text("## Recap"), code('checks.recap("01", "???")', "1."))
    questions = recap_questions("01")
    assert [slide.kind for slide in slides] == ["recap"] * len(questions)
    for slide, question in zip(slides, questions, strict=True):
        right = next(choice for choice in question.choices if choice.right)
        assert f"**right.** {right.believes}" in slide.notes[0]
        assert right.believes not in slide.parts[0].shown


def test_a_line_that_announces_stays_with_what_follows():
    assert [b.text for b in blocks("a\n\n**References.**\n\n- b\n\nFor example:\n\n$$\nx\n$$")] == [
        "a",
        "**References.**\n\n- b",
        "For example:\n\n$$\nx\n$$",
    ]


# -------------------------------------------------------------------------------------- minutes


def test_the_minutes_of_the_sections_are_the_stated_time_less_the_exercises():
    for path in all_notebooks():
        notebook = read(path)
        slides = slides_of(notebook)
        total = lecture_minutes(notebook)
        assert total >= 25 and sum(slide.minutes for slide in slides) == total, path.name
        assert abs(slides[-1].until - total) <= 1 and all(slide.seconds for slide in slides)
    exercise = text("## Exercises\n\n### Exercise 1: draw (15 minutes, easy)")
    assert lecture_minutes(new_notebook(cells=[text(TITLE), exercise])) == 25


# -------------------------------------------------------------------------------------- the page


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a href="a.ipynb">A</a>', '<a href="a.html">A</a>'),
        ('<a class="x" href="a.ipynb#Part-2">', '<a class="x" href="a.html#Part-2">'),
        ('<a href="b.ipynb">', '<a href="b.ipynb">'),  # it has no deck
        ('<a href="https://x.org/a.ipynb">', '<a href="https://x.org/a.ipynb">'),
        ("<code>a.ipynb</code>", "<code>a.ipynb</code>"),
        ("&lt;a href=&quot;a.ipynb&quot;&gt;", "&lt;a href=&quot;a.ipynb&quot;&gt;"),
    ],
)
def test_links_between_notebooks_lead_to_decks(before, after):
    assert page.linked(before, {"a.ipynb"}) == after


def test_a_picture_keeps_its_description_and_a_heading_its_number(tmp_path):
    picture = lecture(new_notebook(cells=[code("plots.a()", size=(800, 600))]))[0].parts[0]
    html = page.render(Slide("1. A <b>", parts=[picture], level=2), tmp_path)
    assert 'alt="its alt text"' in html and len(list(tmp_path.glob("pictures/*.png"))) == 1
    assert "<ol" not in html and re.search(r"<h2[^>]*>1\. A", html)


def test_the_index_lists_each_deck_with_its_question_and_its_minutes():
    html = page.index([("one.html", "1. A & B", "**Question.** Why?", 12, 34)])
    assert '<a href="one.html">1. A &amp; B</a>' in html
    assert "<strong>Question.</strong> Why?" in html and "12 slides, about 34 minutes" in html


def test_code_is_escaped_and_a_long_line_goes_on_below():
    html = page.shown(Part("output", "a < b\n" + "x" * 200), folder=None)
    assert "a &lt; b" in html and html.count('class="line"') == 2
