"""What makes the pages and slides: pinned JavaScript, links, and where slides begin."""

import base64
import io
import json
import re
import struct
import tarfile

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.notebooks import WIDGET_VIEW
from tools.pages import deck, export, npm
from tools.pages.markdown import blocks

# ------------------------------------------------------------------------- pinned JavaScript


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "thing-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as package:
        for name in ("package/dist/a.js", "package/dist/b.css", "package/other.js"):
            member = tarfile.TarInfo(name)
            member.size = len(name)
            package.addfile(member, io.BytesIO(name.encode()))
    return path


def test_only_an_archive_with_the_pinned_hash_is_used(archive, tmp_path):
    pinned = npm.integrity(archive)
    assert npm.fetch("thing", "1.0.0", pinned, tmp_path) == archive
    content = bytearray(archive.read_bytes())
    content[-1] ^= 1
    archive.write_bytes(content)
    with pytest.raises(SystemExit, match=r"thing-1\.0\.0\.tgz: its hash is sha512-.* pins sha512-"):
        npm.fetch("thing", "1.0.0", pinned, tmp_path)
    assert not archive.exists()


def test_only_what_is_listed_is_unpacked(archive, tmp_path):
    npm.unpack(archive, ["dist/*.js"], tmp_path / "out")
    files = [p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.glob("out/**/*.*")]
    assert files == ["dist/a.js"]
    with pytest.raises(SystemExit, match=r"thing-1\.0\.0\.tgz has no lib/\*"):
        npm.unpack(archive, ["dist/*", "lib/*"], tmp_path / "out")


def test_every_package_is_pinned_as_npm_does_and_no_registry_named(tmp_path):
    for name, package in npm.PACKAGES.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"]), name
        assert len(base64.b64decode(package["integrity"].removeprefix("sha512-"))) == 64, name
    assert "://" not in json.dumps(npm.PACKAGES)
    (tmp_path / "empty").touch()
    assert npm.integrity(tmp_path / "empty").startswith("sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/")


# ------------------------------------------------------------------------------------- links


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a href="a.ipynb">A</a>', '<a href="a.html">A</a>'),
        ('<a class="x" href="a.ipynb#Part-2">', '<a class="x" href="a.html#Part-2">'),
        ('<a href="b.ipynb">', '<a href="b.ipynb">'),  # it has no page
        ('<a href="https://x.org/a.ipynb">', '<a href="https://x.org/a.ipynb">'),
        ("<code>a.ipynb</code>", "<code>a.ipynb</code>"),
        ("&lt;a href=&quot;a.ipynb&quot;&gt;", "&lt;a href=&quot;a.ipynb&quot;&gt;"),
    ],
)
def test_links_between_notebooks_lead_to_pages(before, after):
    assert export.linked(before, {"a.ipynb"}) == after


def test_the_index_lists_each_notebook_with_its_question():
    first = new_markdown_cell("# 1. A & B\n\n**Question.** Why?\n\nMore.")
    notebooks = {"one": new_notebook(cells=[first]), "two": new_notebook()}
    html = export.index(notebooks, "html")
    assert '<a href="one.html">1. A &amp; B</a>' in html
    assert "<strong>Question.</strong> Why?" in html and "More." not in html
    assert '<a href="two.html">two</a>' in html


def test_bytes_without_a_place_are_dropped():
    paths = [["picture", "views", 0, "x"], ["picture", "views", 1, "x"], ["palette"]]
    state = {"picture": {"views": [{}]}}
    models = {"m": {"state": state, "buffers": [{"path": path} for path in paths]}}
    notebook = new_notebook(metadata={"widgets": {export.STATE: {"state": models}}})
    kept = export.without_lost_buffers(notebook).metadata.widgets[export.STATE].state.m.buffers
    assert [buffer.path for buffer in kept] == [paths[0], paths[2]]


# ------------------------------------------------------------------------------------ slides


def code(source: str, *size: int, **data: dict) -> object:
    """A code cell; with a size it shows a picture."""
    if size:
        head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", *size) + bytes(24)
        data = {"image/png": base64.b64encode(head).decode(), "text/plain": "x"} | data
    return new_code_cell(source, outputs=[new_output("display_data", data=data)] if data else [])


def slides(*cells) -> list[str]:
    """Each slide as its cells, S or V (below) first."""
    found: list[str] = []
    for cell in deck.as_deck(new_notebook(cells=list(cells))).cells:
        kind = cell.metadata.slideshow.slide_type
        if kind in ("slide", "subslide"):
            found.append({"slide": "S", "subslide": "V"}[kind])
        shown = "PICTURE" if "transient" in cell.metadata else cell.source
        found[-1] += "|" + re.sub(r"<p class=.running.>(.*)</p>", r"(\1)", shown)
    return found


FENCED = "## A\n\n```\n# no heading\n\n## nor this\n```\n\n<details>\n\n## folded\n\n</details>"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "# A\n\na\n\n## B\n\nb\n\n### C\n\nc\n\n#### D",
            ["S|# A\n\na", "S|## B\n\nb", "V|### C\n\nc\n\n#### D"],
        ),
        ("## A\n\n### B\n\nb", ["S|## A|### B\n\nb"]),  # a heading alone keeps the next one
        (FENCED, [f"S|{FENCED}"]),
    ],
)
def test_headings_begin_slides(source, expected):
    assert slides(new_markdown_cell(source)) == expected


def test_what_does_not_fit_goes_on_below_with_the_heading():
    long = "\n".join("x = 1" for _ in range(18))
    assert slides(new_markdown_cell("## A"), code(long), code("y"), code(long)) == [
        f"S|## A|{long}|y",
        f"V|(A)|{long}",
    ]


def test_long_text_is_cut_between_paragraphs_and_none_is_lost():
    paragraphs = [f"({n}) " + "word " * 60 for n in range(12)]
    found = slides(new_markdown_cell("## A\n\n" + "\n\n".join(paragraphs)))
    assert len(found) > 2 and found[1].startswith("V|(A)|")
    for paragraph in paragraphs:
        assert sum(paragraph in slide for slide in found) == 1


def test_a_line_that_announces_stays_with_what_follows():
    assert [b.text for b in blocks("a\n\n**References.**\n\n- b\n\nFor example:\n\n$$\nx\n$$")] == [
        "a",
        "**References.**\n\n- b",
        "For example:\n\n$$\nx\n$$",
    ]


def test_code_stays_with_its_output_and_the_picture_makes_room():
    text = new_markdown_cell("## A\n\n" + "word " * 40)
    result = deck.as_deck(new_notebook(cells=[text, code("plot()", 800, 500)]))
    assert [c.metadata.slideshow.slide_type for c in result.cells] == ["slide", "-"]
    assert 0.7 * 500 < result.cells[1].metadata.room < 450
    # below long code the picture has a slide of its own, and a live panel has short code
    long, panel = code("\n".join("x = 1" for _ in range(14)), 800, 600), code("panel", 800, 600)
    assert slides(new_markdown_cell("## A"), long) == [f"S|## A|{long.source}", "V|(A)|PICTURE"]
    panel.outputs[0].data[WIDGET_VIEW] = {}
    assert slides(new_markdown_cell("## A\n\na"), panel) == ["S|## A\n\na", "V|(A)|panel"]


def test_slideshow_metadata_is_respected():
    kinds = ["slide", "-", "notes", "fragment"]
    own = [
        new_markdown_cell("## A\n\n## B", metadata={"slideshow": {"slide_type": kind}})
        for kind in kinds
    ]
    made = deck.as_deck(new_notebook(cells=own)).cells
    assert [c.metadata.slideshow.slide_type for c in made] == kinds
