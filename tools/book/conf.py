"""The configuration of the book, for which `python -m tools.book` calls Sphinx."""

import os
import sys
from pathlib import Path

import posenc_lib

project = "posenc"
author = copyright = "the posenc authors"
release = posenc_lib.__version__
sys.path.insert(0, str(Path(__file__).parents[2]))
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "tools.book.links"]
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
root_doc = "index"
language = os.environ.get("POSENC_LANGUAGE", "en")
locale_dirs = [str(Path(__file__).with_name("locale"))]
gettext_compact = False
gettext_uuid = False
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header"]
default_role = "code"  # one backtick in a docstring is code
autodoc_typehints = "none"
autodoc_member_order = "bysource"

html_theme = "sphinx_book_theme"
html_title = "posenc"
html_static_path = [os.environ["POSENC_BOOK_STATIC"]]
html_css_files = ["panel.css", "book.css"]
html_js_files = ["panel.js"]
html_context = {"default_mode": "auto"}
toc_object_entries_show_parents = "hide"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "repository_url": "https://github.com/OWNER/posenc",
    "repository_branch": "main",
    "navbar_persistent": [],
    "use_repository_button": False,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    },
}
mathjax_path = "assets/mathjax/MathJax.js?config=TeX-AMS_CHTML-full,Safe"
mathjax2_config = {
    "tex2jax": {
        "inlineMath": [["\\(", "\\)"]],
        "displayMath": [["\\[", "\\]"]],
        "processClass": "math",  # all else is text that MyST has read already
    }
}
nb_ipywidgets_js = {
    "assets/requirejs/require.js": {"data-jupyter-widgets-cdn": "_static/assets/"},
    "widgets.js": {},
    "assets/html-manager/dist/embed-amd.js": {},
}
