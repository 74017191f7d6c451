"""Links that nobody has to write: from a name to its reference, from a term to the glossary.

In a notebook, a public name in backticks leads to its page of the reference, and a term in bold,
which is how a notebook introduces it, to the glossary. In the reference, each entry names the
notebooks that use it. Docstrings are plain text: a bar is a bar there, no markup.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import posenc_lib
from tools.book import words
from tools.book.pages import HERE, MOST, mentions, public_names


@cache
def public() -> set[str]:
    return {name for names in public_names().values() for name in names}


def terms() -> dict[str, str]:
    """The terms of the glossary, by what they look like in small letters."""
    text = (HERE / "glossary.md").read_text(encoding="utf-8")
    inside = re.search(r"```\{glossary\}\n(.*?)```", text, flags=re.DOTALL)
    assert inside is not None
    found = re.findall(r"^(\S.*)$", inside[1], flags=re.MULTILINE)
    return {term.lower(): term for term in found}


@cache
def terms_of(language: str) -> dict[str, str]:
    """The terms, by what they look like in a language too, without what follows in brackets."""
    said = words.translated(locale(language) / "glossary.po")
    found = terms()
    here = {re.sub(r"[(（].*", "", said.get(term, term)): term for term in found.values()}
    return {**found, **{short.strip().lower(): term for short, term in here.items()}}


def locale(language: str) -> Path:
    return HERE / "locale" / language / "LC_MESSAGES"


def link_names_and_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Turn names and terms of a page into references that Sphinx resolves."""
    page = app.env.current_document.docname
    language = str(app.config.language)
    said = words.translated(locale(language) / "panels.po")
    for raw in doctree.findall(nodes.raw):
        text = words.SUMMARY.sub(
            lambda found: f"<summary>{said.get(found[1], found[1])}</summary>", raw.astext()
        )
        raw.children = [nodes.Text(text)]
    if page in ("glossary", "encodings", "families") or page.startswith("reference"):
        return
    names, known, linked = public(), terms_of(language), set()
    for literal in list(doctree.findall(nodes.literal)):
        name = re.sub(r"\(.*\)$", "", literal.astext()).removeprefix("posenc_lib.")
        if name in names and not isinstance(literal.parent, nodes.reference):
            replace(literal, page, "py", "obj", f"posenc_lib.{name}")
    for bold in list(doctree.findall(nodes.strong)):
        term = known.get(bold.astext().strip(" .:").lower())
        if term and term not in linked and not isinstance(bold.parent, nodes.reference):
            linked.add(term)
            replace(bold, page, "std", "term", term)


def replace(node: nodes.Element, page: str, domain: str, kind: str, target: str) -> None:
    reference = pending_xref(
        "", refdomain=domain, reftype=kind, reftarget=target, refexplicit=True, refwarn=True,
        refdoc=page,
    )  # fmt: skip
    node.replace_self(reference)
    reference += node


def describe(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """A docstring as Sphinx takes it, with the notebooks that use what it describes."""
    lines[:] = [line.replace("|", "\\|") for line in lines]
    short = name.removeprefix("posenc_lib.")
    pages = app.env.posenc_mentions.get(short, [])[:MOST] if hasattr(posenc_lib, short) else []
    if pages and "." not in short:
        links = ", ".join(f":doc:`/notebooks/{stem}`" for stem in pages)
        lines += ["", f"In the notebooks: {links}.", ""]


def read_mentions(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    present = set(env.found_docs)
    env.posenc_mentions = {
        name: [stem for stem in pages if f"notebooks/{stem}" in present]
        for name, pages in mentions().items()
    }


def leave_out_launching(app: Sphinx, page: str, template: str, context: dict, tree: Any) -> None:
    """Only a notebook can be opened elsewhere: the pages made for the book cannot."""
    if not page.startswith("notebooks/"):
        buttons = context.get("header_buttons", [])
        buttons[:] = [button for button in buttons if button.get("label") != "launch-buttons"]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("env-before-read-docs", read_mentions)
    app.connect("autodoc-process-docstring", describe)
    app.connect("doctree-read", link_names_and_terms)
    app.connect("html-page-context", leave_out_launching, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
