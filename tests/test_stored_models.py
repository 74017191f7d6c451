"""Trained models that ship or go to the page."""

import json
from dataclasses import asdict

import pytest
import torch

from posenc_lib import explorers
from posenc_lib.experiments.lengths import looks, stored_models
from posenc_lib.experiments.text import word_order


def test_the_stored_models_are_of_these_settings_and_read_what_is_stored_with_them():
    """If this fails, make experiments (or python -m ...lengths.stored_models)."""
    made = stored_models.stored_settings()["settings"]
    assert made == json.loads(json.dumps(asdict(stored_models.SHORT)))
    found = looks.numbers_of(stored_models.stored_model("rope_ntk"), "rope_ntk", "window")
    for here, kept in zip(found, stored_models.stored_numbers("rope_ntk", "window"), strict=True):
        torch.testing.assert_close(here, kept, atol=1e-3, rtol=1e-3, equal_nan=True)


@pytest.mark.parametrize("name, page", [("kerple_log", "word_order"), ("shaw", None)])
def test_a_reader_that_looks_at_content_stays_in_the_kernel(name, page):
    plan = word_order.TextOrderSettings(layers=1)
    model = word_order.untrained_model(plan, "reversed", name, 0)
    given = {"sentence": "the qwx of zyx is an and in xx yy zz", "first": 1, "second": 3}
    panel = explorers.word_order_explorer(models={name: model}, **given)
    assert panel.canvas.declared["compute"] == page
    judged, words, *_ = panel.views
    assert judged.name == "natural? places 1 and 3 swapped: both unknown, read alike"
    assert words.name == "in each order; left out: xx, yy and 1 more"
    swapped = [row[2] for row in words.texts]
    assert swapped == ["the", "(zyx)", "of", "(qwx)", "is", "an", "and", "in"]
