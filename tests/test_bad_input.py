"""Bad input, made from signatures: every argument of every public name is given what it is not.

One valid call of each is known (`VALID`, `CALLS`). What a parameter must refuse follows from its
name and annotation; the error has to be our own, name the function and the argument, show the
value, say what is allowed and what to do. A new argument without a check fails here, and so does
one without a valid value. Runs without the run-time shape checker: learners do not have it.
"""

import inspect
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import posenc_lib
from posenc_lib import (
    BertEmbeddings,
    LayerPlan,
    MultiHeadAttention,
    PositionEncoding,
    RotaryEncoding,
    make_encoding,
)
from posenc_lib.experiments import TinyTransformer, Training, window_starts

pytestmark = pytest.mark.bad_input

NAN, INF = math.nan, math.inf
HERE = Path(posenc_lib.__file__).parent
FORM = re.compile(
    r"(?P<function>[\w.]+): (?P<argument>.+?) = (?P<value>.+) is not allowed; expected .+\. \S.+"
)
heads = torch.linspace(0.1, 1, 24).reshape(1, 2, 3, 4)  # (batch, heads, length, head_dim)
x, at, near = torch.ones(2, 3, 8), torch.arange(3), torch.arange(3) - torch.arange(3)[:, None]
ids, square, two, pairs = (torch.ones(*n) for n in ((2, 3), (3, 3), (2,), (2, 4)))
ids, square, table = ids.long(), square.bool(), np.random.default_rng(0).normal(size=(9, 4))

# A valid value for each name of a parameter, and where one callable wants another.
VALID = {
    "dim": 8, "heads": 2, "head_dim": 4, "rotary_dim": 4, "length": 3, "max_length": 9,
    "trained_length": 8, "max_distance": 2, "shape": (1, 3), "factor": 2.0, "base": 100.0,
    "shortest": 1.0, "longest": 9.0, "queries": 3, "keys": 3, "layers": 2, "layout": "half",
    "x": x, "context": x, "query": heads, "key": heads, "value": heads, "angles": torch.ones(3, 2),
    "positions": at, "query_positions": at, "key_positions": at, "context_positions": at,
    "times": at, "relative": near, "distance": near, "offset": 1, "table": torch.ones(5, 4),
    "weights": torch.ones(1, 2, 3, 3) / 3, "lengths": torch.tensor([2, 3]), "largest": 2,
    "coordinates": torch.ones(3, 2), "periods": [2.0, 9.0], "by_distance": torch.ones(3, 5),
    "r1": two, "r2": two, "c": 0.1, "threshold": 9.0, "scores": heads[..., :3], "sink": two,
    "rows": torch.ones(8, 3), "vectors": torch.ones(2, 5, 4), "u": pairs, "v": pairs,
    "weight": torch.ones(3, 8), "rotation": torch.eye(4), "to": "half", "name": "rope",
    "latent": 4, "rope": RotaryEncoding(2), "plain_dim": 4, "value_dim": 4, "query_latent": 3,
    "before": 1, "after": 1, "form": "paper", "share": 0.5, "padding": ids.bool(), "mask": square,
    "seen": square, "input_ids": ids, "token_type_ids": ids, "vocab_size": 9, "outputs": 2,
    "buckets": 8, "terms": ("c2p", "p2c"), "to_query": nn.Linear(8, 8), "to_key": nn.Linear(8, 8),
    "log_gates": -torch.ones(2, 2, 3), "from_input": -torch.ones(1, 2, 3),
    "layer": MultiHeadAttention(8, 2), "state_dict": BertEmbeddings(9, 4).state_dict(),
    "made": make_encoding("rope", dim=64, heads=8), "bias": torch.zeros(3, 3),
    "window": 2, "chunk": 2, "documents": torch.tensor([0, 0, 1]),
    "old_shape": (1, 5), "new_shape": (2, 3), "old": 2, "new": 3, "trained_shape": (1, 3),
}  # fmt: skip
CALLS = {
    "trained_reader": {"encoding": "none"},
    "attention": {"padding": ids[:1].bool()}, "attention_output": {"padding": ids[:1].bool()},
    "sinusoidal_at": {"positions": [0, 1]}, "Places": {"query": at, "key": at},
    "dynamic_ntk_factor": {"length": torch.tensor([9])}, "padding_mask": {"length": 4},
    "KeyValueCache.crop": {"length": 0}, "KeyValueCache.reorder": {"rows": at[:1]},
    "TinyTransformer": {"vocabulary": 9}, "TinyTransformer.forward": {"x": ids},
    "BertEmbeddings": {"vocab_size": 9, "dim": 4},  # the usual sizes take seconds to fill
    "T5Bias": {"max_distance": 64}, "t5_bucket": {"max_distance": 64},
    "t5_bucket_textbook": {"max_distance": 64}, "index_probe": {"table": table},
    "cosine_matrix": {"table": table}, "cosine_by_offset": {"table": table},
    "wave_spectrum": {"table": table}, "SwinV2Bias.by_offset": {"offset": at[:2]},
    "ConvolutionEncoding": {"groups": 2, "kernel": 4},
    "shifted_window_mask": {"shape": (2, 4), "window": (1, 2)},
    "MultiHeadAttention.forward": {"context": x},
    "MultiHeadAttention.places": {"context": x}, "LatentAttention.places": {"context": x},
    "TransformerStack": {"layers": 2},
    "LayerPlan": {"encoding": RotaryEncoding(4)}, "DecoupledRotary": {"rope": RotaryEncoding(2)},
    "PositionPlan": {"layers": [LayerPlan(RotaryEncoding(4))] * 2},
    "MultimodalRotary": {"sections": (0, 1, 1)}, "multimodal_positions": {"segments": [2, (1, 2)]},
    "merged_cells": {"shape": (2, 2), "merge": 2},
    "random_fourier_features": {"directions": torch.ones(4, 2)},
    "PositionPlan.mask": {"layer": 0}, "longrope_frequencies": {"factors": [1.0, 2.0]},
    "UnpairedMultimodalRotary": {"sections": (0, 1, 1)},
    "DebertaRelative.at_scores": {"query_positions": at},
    "ForgettingBias.at_scores": {"from_input": -torch.ones(1, 2, 3)},
}  # fmt: skip

# Bad values beyond those of the annotation, by name, or by callable and name.
ALSO = {
    "base": [1, -10.0], "factor": [0.0, -1.0], "dropout": [1.0, -0.1], "std": [-1.0, 1e-300, 1e39],
    "eps": [0.0, 1e-46, 1e39], "shortest": [0.0], "longest": [0.5], "c": [0.0, 1e300],
    "first": [-1],
    "threshold": [0.0, -5.0], "gamma": [0.0], "scale_base": [0.0], "scale": [0.0, -1.0, 1e39],
    "r1": [0.0, -1.0], "r2": [0.0, -1.0], "rotary_dim": [3], "kv_heads": [3], "folds": [1],
    "rate": [0.0], "bias_rate_factor": [0.0], "decay": [-0.1], "warm_up": [1.0],
    "final_rate_share": [-0.1],
    "RotaryEncoding.rotary_dim": [6], "AxialRotary.head_dim": [6],
    "UnpairedAxialRotary.head_dim": [6], "MixedRotary.head_dim": [6],
    "nezha_rotation.head_dim": [3], "shift_rotation.dim": [3],
    "TransformerXLRelative.heads": [3], "SandwichBias.dim": [3],
    "MultiHeadAttention.heads": [3, 16], "t5_bucket.buckets": [31, 2], "T5Bias.buckets": [31, 2],
    "t5_bucket.max_distance": [8], "BertEmbeddings.padding_idx": [9],
    "cosine_by_offset.largest": [9], "randomised_positions.length": [10],
    "change_rope_layout.heads": [3], "KerplePowerBias.r2": [2.0], "sinusoidal_table.start": [2**53],
    "relative_positions.offset": [2**63], "shift_rotation.offset": [2**53 + 1],
    "alpha": [0.0], "beta": [1.0], "low": [0.0], "high": [1.0], "slope": [-0.1],
    "YarnRotary.magnitude": [0.0], "ntk_base.rotary_dim": [2], "NtkRotary.head_dim": [2],
    "window_starts.window": [3], "share": [0.0, -1.0, 1.5, 0.1],
    "longrope_magnitude.trained_length": [1], "LongRotary.trained_length": [1],
    "dynamic_ntk_factor.factor": [0.5],
    "ConditionalEncoding.kernel": [4], "ConvolutionEncoding.groups": [3],
    "resize_grid.offset": [1.0, -0.1], "resize_weights.offset": [1.0, -0.1],
}  # fmt: skip
MAY_BE_ZERO = {"max_distance", "clip", "before", "after", "prefix", "seed", "padding_idx"}
MAY_BE_ZERO |= {"suffix", "registers", "first"}
MAY_BE_ZERO |= {"largest", "KeyValueCache.crop.length"}
SIGNED = {"offset", "start"}
SIZES = [2.5, True, np.bool_(1), torch.tensor(True), torch.ones(2), "8", NAN, [8], 2**63, 10**5000]
INSTEAD = {  # of what the annotation says
    "terms": ["c2p", (), ("p2p",), ("c2p", "c2p"), [1], 7, None], "to_query": [7, None, ids],
    "to_key": [7, None, ids],
    "encoding": ["ropey", "RoPE", 7, MultiHeadAttention], "cache": [[], "cache"], "made": ["rope"],
    "prepared": [(1, 2)], "generator": [3], "layer": [nn.Linear(1, 1)], "caches": [[], [1, 2], 3],
    "lengths": [[3, 5], [-1], [2.7], ["2"], [True], torch.tensor([2.7]), ids, 3, "34"],
    "shifted_window_mask.window": [2, (2, 3), (1, 2.5), (3,)],
    "shifted_window_mask.shift": [1, (1,), (0, 2), (-1, 0), (0, 1.5)],
    "periods": [[], [0.0], [NAN], ["2"], 3.0], "options": [["base"], "base"],
    "LayerPlan.encoding": ["rope", 3, nn.Linear(1, 1)], "at_start": ["rope", RotaryEncoding(4)],
    "added": ["rope", 3, RotaryEncoding(4)],
    "PositionPlan.layers": [[], 3, "rope", [RotaryEncoding(4)]], "plan": ["rope", [], 3],
    "rope": ["rope", 3, nn.Linear(1, 1), PositionEncoding()],
    "factors": [[1.0], 3.0, "12", None, [1.0, 0.0], [1.0, NAN], [1.0, "2"]],
    "short": [[1.0], 3.0, "12", [1.0, 0.0]], "long": [[1.0], 3.0, "12", [1.0, NAN]],
    "PositionPlan.mask.layer": [2, -3, *SIZES[:-2]],
    "state_dict": [{}, nn.Linear(1, 1)], "betas": [], "device": [],
    "axis_order": [(0, 0), (1, 2), (0,), 1, "01", (0.0, 1.0), (True, False)],
    "merged_cells.shape": [6, (), (2, 0), (2, 3.0), (3, 2), (2, 2, 2)],
    "sections": [6, (), "011", (0, 2.0), (True, 1), (-1, 3), (1, 2), (2**63, 0)],
    "scaled": ["yarn", 3, make_encoding("alibi", dim=8, heads=2)],
    "segments": [None, [], "2", 3.0, [0], [2.5], [True], ["2"], [(1,)], [(1, 2, 3, 4, 5)]],
    "sinusoidal_at.positions": [[0, NAN], [INF], ["1"], [True], [1j], None, 3.0, [2**53 + 1],
                                [[1], [1, 2]], np.array(["2020"], "M8[Y]"), np.ma.array([1])],
}  # fmt: skip
ANY_RANK = re.compile(r"(_relative|_index|band_mask)\.relative|grid_coordinates|timing_signal")
FITS = re.compile(  # any last axis: each number by itself, or nothing to agree with
    r"(distance|relative|coordinates|rows|times|by_distance|angles)$|at_scores\.(query|key)$"
    r"|(rotate|rotate_textbook)\.x|append\.(key|value)|attention(_output)?\.value|from_table"
    r"|(lookup_relative|shaw_values|shaw_values_naive|resize_grid)\.table|dynamic_ntk_factor|input_ids"
    r"|TinyTransformer.forward|QueryTemperature\.at_|forgetting_bias.query_positions"
    r"|padded_positions|packed_positions|document_mask"
    r"|(grid_coordinates|fire_input)\.|(relative_positions|causal_mask)\.|Places\.|Plan\.mask\."
)
MOVED = {"skew.by_distance", "toeplitz.by_distance"}  # numbers of any kind are only moved
ANSWERED_BY = {  # as their documentation says: what is passed on is refused where it arrives
    "TransformerLayer": "MultiHeadAttention", "TransformerStack": "MultiHeadAttention",
    "TinyTransformer": "TransformerStack", "TimingEncoding": "geometric_periods",
    "SandwichBias": "sandwich_by_distance", "CopeBias": "cope_positions",
    "ForgettingBias": "forgetting_bias", "T5Bias": "t5_bucket",
    "MultiHeadAttention": "make_encoding", "LayerPlan": "Places", "PositionPlan": "LayerPlan",
    "DecoupledRotary": "RotaryEncoding", "LatentAttention": "MultiHeadAttention",
    "LearnedGridEncoding": "resize_grid", "WindowBias": "resize_grid",
    "DecomposedRelative": "resize_grid",
}  # fmt: skip
RENAMED = {  # on the way to where it is refused
    "TimingEncoding.at_embeddings.positions": "times", "encoding": "name", "caches": "cache",
    "LayerPlan.mask.query_positions": "query", "LayerPlan.mask.key_positions": "key",
    "PositionPlan.mask.query_positions": "query", "PositionPlan.mask.key_positions": "key",
}  # fmt: skip
EXEMPT = {  # from all of this, and why
    "PositionEncoding": "abstract; its classes are all here",
    "DistanceBias": "abstract", "TableRelative": "abstract",
    "Combined": "takes encodings; tests/test_combined.py", "Door": "four constants",
    "Registry": "made once, by the library",
    "RegistryEntry": "made once, by the library",
    "NoEncoding": "takes nothing", "encodings": "takes nothing", "attention_ways": "takes nothing",
    "minilm_position_table": "takes nothing",
    "largest_tensor": "calls what it is given and raises what that raises",
    "register_encoding": "takes a class; tests/test_check_encoding.py",
    "unregister_encoding": "takes a registered name; tests/test_check_encoding.py",
    "check_encoding": "takes a class; tests/test_check_encoding.py",
    "LawReport": "made by check_encoding",
    "scoreboard": "takes names and rows; tests/test_scoreboard.py",
    "encoding_from_config": "takes a config; tests/test_config.py",
    "ModelPositions": "made by encoding_from_config",
    "answer": "takes any objects", "show_source": "takes any object; tests/test_source.py",
}  # fmt: skip
INSIDE = {  # methods that the library calls with what it has checked, or that take nothing
    "prepare", "score_mod", "modify_scores", "follows_diagonals", "check_heads", "check_positions",
    "check_input", "turn", "turns", "factors", "reach", "zetas", "vectors", "tables", "angles",
    "frequencies", "by_pair", "extra_repr", "joined", "joined_positions",
    "joined_from_input", "keep", "belongs_to", "counting", "given", "mask_mod", "masked", "once",
    "new_caches", "rate_at", "alike", "words", "chunk_numbers", "check_continues",
    "pairs", "rows", "weights",
}  # fmt: skip


def targets():
    """Every public callable and every public method of a class, by name."""
    public = [getattr(posenc_lib, name) for name in posenc_lib.__all__ if name not in EXEMPT]
    for thing in [*filter(callable, public), TinyTransformer, Training, window_starts]:
        yield thing.__name__, thing
        for home in thing.__mro__ if inspect.isclass(thing) else ():
            if home.__module__.startswith("posenc_lib.") and home is not PositionEncoding:
                for method, function in vars(home).items():
                    known = method.startswith("_") or method in INSIDE
                    if not known and inspect.isroutine(function):
                        yield f"{thing.__name__}.{method}", getattr(thing, method)


TARGETS = dict(targets())


def parameters(target):
    return {n: p for n, p in inspect.signature(TARGETS[target]).parameters.items() if n != "self"}


def valid(target, name):
    return CALLS.get(target, {}).get(name, VALID.get(name))


def call(target, **changed):
    """The valid call with other arguments; a method is called on what the valid call makes."""
    name, _, method = target.partition(".")
    function = TARGETS[target]
    if "self" in inspect.signature(function).parameters:
        function = getattr(call(name), method)
    needed = [n for n, p in parameters(target).items() if p.default is p.empty and p.kind < 4]
    given = {n: valid(target, n) for n in needed} | CALLS.get(target, {}) | changed
    return function(**given)


REALS = [NAN, INF, "1e4", b"1", True, 1j, np.array(2j), torch.tensor(2j), [1.0], np.ones(2)]
REALS += [10**400, np.ma.masked_array(2.0, mask=True), np.timedelta64(9, "s")]
CHOICES = ["unknown", "", 1, True, ["half"], ("half",), {"half": 1}, b"half", np.array(["half"])]
SHAPES = [6, (), (2, 0), (2, -3), (2, 3.0), (True, 3), (2**63, 3)]
TABLES = [table.tolist(), "words", table > 0, table * 1j, table.astype(str), table * NAN]
TABLES += [table * INF, table[0], table[None], np.ma.array(table), np.ma.array(table, mask=1)]
LOSSY = [torch.complex64, torch.complex128, torch.uint16, torch.uint64, torch.float8_e4m3fn]


def bad_tensors(kind, name, value):
    """What is no tensor, then tensors whose numbers are of another kind."""
    position = "ositions" in name or name in ("times", "queries", "keys")
    yield from [value.tolist(), value.numpy(), "words"]
    yield from (value.to(dtype) for dtype in LOSSY)
    yield from [value.bool()] if kind != "Bool" else []
    yield from [value.long()] if kind in ("Float", "Bool") else []
    yield from [value.to(torch.uint8)] if kind == "Bool" else []  # ~ of bytes is no mask
    yield from [value.float()] if kind in ("Int", "Bool") else []
    yield from [value * NAN, value / 0.0] if kind in ("Num", "Shaped") else []
    yield from [value.half(), value.bfloat16()] if position else []


def bad_shapes(own, annotation, value):
    """An axis too few, one too many, and a last axis of another length than its partner's."""
    found = [names.split() for names in re.findall(r"""['"]([^'"]*)['"]""", annotation)]
    found = found or [["length"], ["batch", "length"]]  # positions
    fixed = [[n for n in names if "*" not in n and n != "..."] for names in found]
    if (least := min(map(len, fixed))) and not ANY_RANK.search(own):
        yield value.reshape(-1)[0].reshape((1,) * (least - 1))
    if fixed == found:
        yield value.reshape((1,) * (max(map(len, found)) + 1 - value.ndim) + tuple(value.shape))
    if not FITS.search(own):
        yield value[..., :-2] if len(found) == 2 else value[..., :-1]


def bad_values(target, name):
    """What this parameter must refuse: from its annotation, and from the tables."""
    own, annotation = f"{target}.{name}", str(parameters(target)[name].annotation)
    plain, value = annotation.removesuffix(" | None"), valid(target, name)
    for key in (own, name):
        if key in INSTEAD:
            return INSTEAD[key]
    numbers = "Tensor" not in plain or plain.startswith("float")
    bad = ALSO.get(own, []) + (ALSO.get(name, []) if numbers else [])
    if plain == "int":
        least = int(not {own, name} & MAY_BE_ZERO)
        bad += SIZES if name in SIGNED else [*SIZES, least - 1, -7]
    elif plain.startswith("float"):
        bad += REALS
    elif plain == "bool":
        bad += [1, 0, "yes", torch.tensor(True)]
    elif plain == "str":
        bad += CHOICES
    elif plain == "Sequence[int]":
        bad += SHAPES
    elif plain == "torch.dtype":
        bad += ["float32", torch.int64, float, *LOSSY]
    elif "ndarray" in plain:
        bad += TABLES
    elif "Tensor" in plain or "ositions" in plain:
        kind = (re.search(r"Float|Int|Num|Shaped|Bool", plain) or ["Shaped"])[0]
        bad += [0, -1, 2.5, True, "8", [0, 1]] if plain.startswith("int") else []
        value = at if plain.startswith("int") else value
        bad += [] if own in MOVED else bad_tensors(kind, name, value)
        bad += bad_shapes(own, annotation, value)
    else:
        raise KeyError(f"{own}: no bad values are known for {annotation}")
    takes_none = "None" in annotation or own.endswith("at_embeddings.positions")
    return bad if takes_none else [*bad, None]


def shown(value):
    """What a message may show of a value: itself, its kind, or a part of it."""
    if isinstance(value, int) and value > 10**4000:
        return ["bits", "= ..."]
    words = [repr(value), type(value).__name__, getattr(value, "__name__", "a type")]
    if isinstance(value, (torch.Tensor, np.ndarray)):
        words += [str(part) for part in (value.dtype, tuple(value.shape), *value.shape[-1:])]
    elif isinstance(value, (list, tuple)):
        words += [word for part in value for word in (repr(part), f"{type(part).__name__!r}")]
    else:
        return words
    return [*words, "NaN", "infinity", "masked"]


def complaint(target, name, value):
    """What is wrong with the way in which a call refuses this value, or None."""
    try:
        call(target, **{name: value})
    except Exception as error:
        form = FORM.fullmatch(str(error).strip().replace("\n", " "))
        raised = Path(inspect.getinnerframes(error.__traceback__)[-1].filename)
        if type(error) not in (ValueError, TypeError, IndexError) or not form:
            return f"not of the usual form: {error!r}"
        names = [target.rpartition(".")[2], target.partition(".")[0]]
        while names[-1] in ANSWERED_BY:
            names.append(ANSWERED_BY[names[-1]])
        asked = {name, RENAMED.get(f"{target}.{name}", RENAMED.get(name, name))}
        if ".shape" in form["argument"] and isinstance(value, torch.Tensor):
            asked |= set(parameters(target))  # of two that do not fit, either may be named
        faults = {
            "another function": form["function"].partition(".")[0] not in names,
            "another argument": not any(re.search(rf"\b{a}\b( =|.* = )", form[0]) for a in asked),
            "the value is not shown": not any(word in form[0] for word in shown(value)),
            "raised elsewhere": not raised.is_relative_to(HERE),
        }
        found = [fault for fault, there in faults.items() if there]
        return f"{found}: {error!r}" if found else None
    return f"taken: {value!r}"


PAIRS = [(t, n) for t in TARGETS for n, p in parameters(t).items() if p.kind is not p.VAR_KEYWORD]


@pytest.mark.parametrize("target", TARGETS)
def test_the_valid_call_is_taken(target):
    call(target)


@pytest.mark.parametrize(("target", "name"), PAIRS, ids=map(".".join, PAIRS))
def test_every_argument_refuses_what_it_cannot_take(target, name):
    found = [complaint(target, name, value) for value in bad_values(target, name)]
    assert not [words for words in found if words]


@pytest.mark.parametrize("target", [t for t in TARGETS if inspect.isclass(TARGETS[t])])
def test_an_option_that_a_class_does_not_have_is_refused_with_the_one_that_is_meant(target):
    for name, p in parameters(target).items():
        if issubclass(TARGETS[target], PositionEncoding) and p.kind is p.KEYWORD_ONLY:
            with pytest.raises(TypeError, match=f"option = '{name}_' .*Did you mean '{name}'"):
                call(target, **{f"{name}_": 1})
    with pytest.raises(TypeError, match="zzzz"):
        call(target, zzzz=1)


def test_the_tables_name_only_what_there_is():
    names = {name for target in TARGETS for name in parameters(target)}
    pairs = {".".join(pair) for pair in PAIRS}
    for table in (VALID, ALSO, INSTEAD, MAY_BE_ZERO, SIGNED, RENAMED):
        assert set(table) <= names | pairs, set(table) - names - pairs
    assert set(CALLS) <= set(TARGETS) and set(EXEMPT) <= set(posenc_lib.__all__)
    for target in CALLS:
        assert set(CALLS[target]) <= set(parameters(target))
