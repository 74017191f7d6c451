"""show_source prints the code that runs, and nothing else."""

import ast
import importlib
import inspect
import sys
from pathlib import Path

import pytest

import posenc_lib
from posenc_lib import NoEncoding, show_source

SHOWN = {
    name: getattr(posenc_lib, name)
    for name in posenc_lib.__all__
    if inspect.isfunction(getattr(posenc_lib, name)) or inspect.isclass(getattr(posenc_lib, name))
}


class WithoutDocstrings(ast.NodeTransformer):
    """Takes docstrings out; where a definition consists of nothing else, `...` stays."""

    def visit(self, node):
        self.generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or ast.parse("...").body
        return node


def definition(tree, name):
    return next(node for node in tree.body if getattr(node, "name", None) == name)


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_the_code_of_the_file_without_its_docstrings(name):
    header, _, body = repr(show_source(SHOWN[name])).partition("\n")
    assert header.startswith("# posenc_lib/")
    file = Path(posenc_lib.__file__).parents[1] / header.removeprefix("# ")
    in_the_file = definition(ast.parse(file.read_text(encoding="utf-8")), name)
    assert ast.dump(definition(ast.parse(body), name)) == ast.dump(
        WithoutDocstrings().visit(in_the_file)
    )


LEARNER = '''
import functools


def f(x):
    """Doc."""
    return x + 1


class Held:
    """Two methods."""

    def left_open(self):
        """To be overridden."""

    @functools.wraps(f)
    def query(self):
        """SELECT."""
        return """
        not a docstring
        """
'''


@pytest.fixture
def learner(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "learner", raising=False)
    (tmp_path / "learner.py").write_text(LEARNER, encoding="utf-8")
    return importlib.import_module("learner")


def test_a_function_of_the_learner_is_shown_with_its_file(learner):
    assert repr(show_source(learner.f)) == "# learner.py\ndef f(x):\n    return x + 1"


def test_what_is_shown_stays_python_when_a_docstring_was_all_there_was(learner):
    ast.parse(repr(show_source(NoEncoding)))
    shown = definition(ast.parse(repr(show_source(learner.Held))), "Held")
    expected = definition(WithoutDocstrings().visit(ast.parse(LEARNER)), "Held")
    assert ast.dump(shown) == ast.dump(expected)
