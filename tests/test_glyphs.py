"""Letters that the figures' font lacks are written as their code, and nothing is warned of."""

import io
import re
import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.font_manager import FontProperties, findfont, get_font

from posenc_lib.plots import Curves, Heatmap, TeachingFigure, views_figure
from posenc_lib.plots.attention import weight_maps
from posenc_lib.plots.glyphs import JOINERS, plain
from posenc_lib.plots.teaching_figure import teaching_style
from posenc_lib.plots.text import distances

FOREIGN = ["猫", "坐在垫子上", "🙂", "👩\u200d🔬", "❤\ufe0f", "क", "\U00013000"]
KNOWN = ["the cat", "é √ α ≤ ×", "Привет", "مرحبا", "⟨a⟩", "a\nb", ""]
EVEN = np.full((3, 3), 1 / 3)


@pytest.fixture(autouse=True)
def strict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def font_has(text):
    has = get_font(findfont(FontProperties())).get_charmap()
    return all(ord(letter) in has or letter == "\n" for letter in text)


@pytest.mark.parametrize("text", FOREIGN)
def test_what_is_missing_becomes_its_code_and_can_be_read_back(text):
    written = plain(text)
    assert font_has(written)
    read = re.sub(r"U\+([0-9A-F]+) ?", lambda found: chr(int(found[1], 16)), written)
    assert [c for c in read if c not in JOINERS] == [c for c in text if c not in JOINERS]


@pytest.mark.parametrize("text", KNOWN)
def test_what_the_font_has_stays(text):
    assert font_has(text)
    assert plain(text) == text


def test_only_the_missing_letters_of_a_word_change():
    assert plain("a猫b 🙂👍.") == "aU+732Bb U+1F642 U+1F44D."
    assert plain("👩\u200d🔬") == "U+1F469 U+1F52C"


def figures():
    yield weight_maps({"猫": EVEN, "🙂": EVEN}, ["猫", "坐", "🙂"], twins=(0, 1))
    yield distances(["猫", "🙂"], {"那里": [0, 1], "back": [1, 0]})
    heat = Heatmap("猫", EVEN, "查询", "键", "重量", (0, 1), row_ticks=["猫", "a", "🙂"])
    lines = Curves("🙂", [0, 1], [[0, 1], [1, 0]], ["猫", "狗"], "位置", "值")
    yield views_figure([heat, lines], title="猫🙂", behind=[None, lines])


@pytest.mark.parametrize("number", range(3))
def test_every_text_of_a_figure_is_drawn_without_a_warning(number):
    picture = list(figures())[number].png()
    assert picture.startswith(b"\x89PNG")


def word(text):
    with teaching_style():
        figure = TeachingFigure("A word.", (4, 1))
        figure.text(0.1, 0.4, text)
    return figure.png()


def test_the_picture_shows_the_code():
    assert word("猫🙂") == word("U+732B U+1F642")
    assert word("猫") != word("狗")


def test_known_letters_are_drawn_as_matplotlib_draws_them():
    drawn = io.BytesIO()
    with teaching_style():
        figure = matplotlib.figure.Figure((4, 1), dpi=100, layout="constrained")
        figure.text(0.1, 0.4, "é √ α")
        figure.savefig(drawn, format="png", dpi=100)
        ours = TeachingFigure("A word.", (4, 1))
        ours.text(0.1, 0.4, "é √ α")
        ours_drawn = io.BytesIO()
        ours.savefig(ours_drawn, format="png", dpi=100)
    assert ours_drawn.getvalue() == drawn.getvalue()
