"""Colab shows our panels only once its widget manager is switched on: importing them does that."""

import importlib
import sys
import types

import pytest

from posenc_lib import explorers


@pytest.fixture
def loaded(monkeypatch):
    """Import the explorers afresh where google.colab is this module, or not there."""

    def load(colab):
        monkeypatch.setitem(sys.modules, "google.colab", colab)
        if colab is None:
            monkeypatch.delitem(sys.modules, "google.colab")
        return importlib.reload(explorers)

    yield load
    monkeypatch.undo()
    importlib.reload(explorers)


def colab(enable):
    output = types.SimpleNamespace(enable_custom_widget_manager=enable)
    return types.SimpleNamespace(output=output)


def test_colab_is_told_once(loaded):
    told = []
    loaded(colab(lambda: told.append("on")))
    assert explorers.Panel and explorers.Slider
    assert told == ["on"]


def test_elsewhere_nothing_of_colab_is_imported(loaded):
    loaded(None)
    assert "google.colab" not in sys.modules
    assert explorers.Panel


def refuses():
    raise RuntimeError("no browser")


@pytest.mark.parametrize(
    "another", [types.SimpleNamespace(), colab(None), colab(refuses)], ids=["old", "none", "raises"]
)
def test_another_colab_breaks_no_panel(loaded, another):
    assert loaded(another).Panel
