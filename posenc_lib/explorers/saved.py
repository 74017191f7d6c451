"""What stands in a saved notebook where a panel was: its picture, and how to move it again.

JupyterLab says "Error displaying widget: model not found" where a saved panel has lost its kernel.
So a second output follows the live one. Its style shows it only where the live one is missing, and
hides that sentence; a page with the live panel hides it too (panel.css).
"""

from __future__ import annotations

import html
import re

SENTENCE = (
    "A still picture. To move it, run the set-up cell at the top of this notebook, then this cell."
)

# Elsewhere than in JupyterLab and Notebook the first output carries the picture by itself.
STYLE = """<style>
.posenc-saved { display: none; margin: 0; }
.jp-OutputArea-child .posenc-saved { display: block; }
.jp-OutputArea-child:not(:has(.posenc-panel, img)):has(+ .jp-OutputArea-child .posenc-saved) {
  display: none;
}
</style>"""


def saved_html(png: str, alt: str) -> str:
    """The figure to be shown; `png` in base64.

    >>> "data:image/png;base64,AAAA" in saved_html("AAAA", "A line.")
    True
    """
    picture = f'<img src="data:image/png;base64,{png}" alt="{html.escape(alt)}">'
    figure = f'<figure class="posenc-saved"><figcaption>{SENTENCE}</figcaption>{picture}</figure>'
    return f"{figure}\n{STYLE}"


def without_picture(text: str) -> str:
    """The same without its picture, for a file in which the first output carries it.

    >>> without_picture(saved_html("AAAA", "A line.")) == without_picture(saved_html("BB", "Two."))
    True
    """
    return re.sub(r'(<figure class="posenc-saved">.*?)<img [^>]*>', r"\1", text)
