"""The names of the experiments: lazy, documented, each file in its place."""

import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys

import pytest

from posenc_lib import experiments

FILES = [i.name for i in pkgutil.iter_modules(experiments.__path__) if i.name[0] != "_"]
OFFERED = {
    name: getattr(experiments, name)
    for name in experiments.__all__
    if callable(getattr(experiments, name))
}
OWN = {
    f"{file}.{name}": value
    for file in FILES
    for name, value in vars(importlib.import_module(f"posenc_lib.experiments.{file}")).items()
    if name[0] != "_"
    and callable(value)
    and getattr(value, "__module__", "") == f"posenc_lib.experiments.{file}"
}


def test_the_stored_results_are_read_without_torch():
    code = "from posenc_lib.experiments import full_results; full_results; import sys, json"
    code += "; print(json.dumps([n for n in ('torch', 'numpy', 'sklearn') if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_package_says_where_every_file_belongs():
    named = set(re.findall(r"`(\w+)`", experiments.__doc__))
    assert set(FILES) <= named
    assert named - set(FILES) - set(experiments.__all__) == set()


def test_no_file_has_the_name_of_a_function():
    assert not set(FILES) & set(OFFERED)


@pytest.mark.parametrize("name", OWN)
def test_every_public_name_opens_with_a_sentence(name):
    assert inspect.getdoc(OWN[name]).split("\n\n")[0].endswith(".")


@pytest.mark.parametrize("name", OFFERED)
def test_every_name_offered_says_what_it_raises_or_shows_an_example(name):
    text = inspect.getdoc(OFFERED[name])
    assert "Raises " in text or ">>> " in text


@pytest.mark.parametrize("file", FILES)
def test_every_file_opens_with_its_idea_and_its_trap(file):
    text = importlib.import_module(f"posenc_lib.experiments.{file}").__doc__
    assert text.split("\n\n")[0].rstrip().endswith((".", "?"))
    assert "The trap" in text
