"""The flat public names: lazy, complete, documented, and never shadowed by a file."""

import doctest
import inspect
import json
import subprocess
import sys

import pytest

import posenc_lib

PUBLIC = {
    name: getattr(posenc_lib, name)
    for name in posenc_lib.__all__
    if callable(getattr(posenc_lib, name))
}
HEAVY = ("torch", "numpy", "matplotlib", "ipywidgets", "anywidget", "IPython")
NO_SOURCE = {  # public names that rest on no paper, each with its reason
    "Door": "our own vocabulary",
    "Places": "our own bookkeeping",
    "attention_ways": "our own bookkeeping",
    "answer": "our own bookkeeping",
    "PositionEncoding": "our own protocol",
    "DistanceBias": "our own protocol",
    "Combined": "our own protocol",
    "Registry": "our own list; each entry names its paper",
    "RegistryEntry": "our own list; each entry names its paper",
    "encodings": "our own list; each entry names its paper",
    "make_encoding": "our own list; each entry names its paper",
    "register_encoding": "our own list",
    "check_encoding": "our own laws; each encoding names its paper",
    "LawReport": "our own laws",
    "unregister_encoding": "our own list",
    "padding_mask": "bookkeeping, not an idea from a paper",
    "toy_relative": "tutorials without an author; the module says what they got wrong",
    "show_source": "a tool for notebooks",
    "largest_tensor": "a tool for notebooks",
    "wave_spectrum": "the Fourier transform of a table, our own reading of it",
}


def loaded_after(*statements):
    """Which heavy packages a fresh interpreter has loaded after these statements."""
    code = "; ".join([*statements, f"import sys; heavy = {HEAVY}"])
    code += "\nimport json; print(json.dumps([name for name in heavy if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("posenc_lib.__version__; dir(posenc_lib)", []),
        ("posenc_lib.sinusoidal_table(5, 4)", ["numpy"]),
        ("posenc_lib.sinusoidal_textbook(5, 4); posenc_lib.sinusoidal_at([0.5], 3)", ["numpy"]),
        ("posenc_lib.wavelengths(4); posenc_lib.shift_rotation(1, 4)", ["numpy"]),
        ("posenc_lib.minilm_position_table()", ["numpy"]),
        ("posenc_lib.show_source(posenc_lib.frequencies)", ["numpy"]),
        ("posenc_lib.experiments.full_results('digits')", []),
        ("posenc_lib.attention", ["torch", "numpy"]),
    ],
)
def test_a_name_loads_what_it_needs_and_no_more(statement, loaded):
    assert loaded_after("import posenc_lib", statement) == loaded


def test_every_name_resolves_and_dir_lists_it():
    listed = dir(posenc_lib)
    assert len(set(posenc_lib.__all__)) == len(posenc_lib.__all__)
    for name in posenc_lib.__all__:
        assert getattr(posenc_lib, name) is not None
        assert name in listed


# Documentation


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_shows_an_example(name):
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(PUBLIC[name]))
    assert any(example.want for example in examples), "an example that shows nothing"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_names_its_source(name):
    has_source = "\nSource: " in inspect.getdoc(PUBLIC[name])
    assert has_source != (name in NO_SOURCE)
