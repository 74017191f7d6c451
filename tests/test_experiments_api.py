"""The names of the experiments: lazy, documented, each file in its place."""

import json
import pkgutil
import re
import subprocess
import sys

from posenc_lib import experiments

FILES = [i.name for i in pkgutil.iter_modules(experiments.__path__) if i.name[0] != "_"]
OFFERED = {
    name: getattr(experiments, name)
    for name in experiments.__all__
    if callable(getattr(experiments, name))
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
