"""The one place where arguments are checked.

Every message names the function, the argument, the value it got, what is allowed and,
where it helps, what to do. Nothing is cast, clipped or wrapped.
"""

from __future__ import annotations

import difflib
import math
import operator
import sys
from collections.abc import Iterable, Sequence
from typing import Any

# Other libraries' names for what this one calls by the second name.
SYNONYMS = {
    "theta": "base", "rope_theta": "base", "rotary_base": "base",
    "d_model": "dim", "embed_dim": "dim", "hidden_size": "dim", "embedding_dim": "dim",
    "n_heads": "heads", "num_heads": "heads", "nhead": "heads", "num_attention_heads": "heads",
    "d_head": "head_dim", "dim_head": "head_dim", "dim": "head_dim",
    "max_len": "length", "max_length": "length", "seq_len": "length",
    "max_position_embeddings": "length", "num_embeddings": "length",
    "original_max_position_embeddings": "trained_length", "max_position": "trained_length",
    "scaling_factor": "factor", "scale": "factor",
    "num_buckets": "buckets", "relative_attention_num_buckets": "buckets",
    "max_relative_position": "max_distance", "max_relative_positions": "max_distance",
    "grid": "shape", "grid_size": "shape", "p": "dropout", "dropout_p": "dropout",
    "is_causal": "causal", "rotary_ndims": "rotary_dim", "interleaved": "layout",
}  # fmt: skip
LARGEST_SIZE = sys.maxsize  # 2**63 - 1: torch and NumPy keep sizes in 64 bits
LARGEST_START, SMALLEST_START = 1e37, 1e-37  # draws of N(0, std) with these fit into float32


def refuse(
    error: type[Exception], function: str, argument: str, value: object, allowed: str, remedy: str
) -> Exception:
    """Build (not raise) the error that every check in this library reports."""
    try:
        shown = repr(value)
    except ValueError:  # Python writes out no whole number of more than 4,300 digits
        shown = f"a number of {value.bit_length()} bits" if isinstance(value, int) else "..."
    return error(f"{function}: {argument} = {shown} is not allowed; expected {allowed}. {remedy}")


def did_you_mean(name: Any, allowed: Iterable[str]) -> str | None:
    """The allowed name that is meant: a synonym from elsewhere, otherwise the closest spelling."""
    allowed = list(allowed)
    if not isinstance(name, str):
        return None
    if SYNONYMS.get(name.lower()) in allowed:
        return SYNONYMS[name.lower()]
    spelt = {option.lower(): option for option in reversed(allowed)}
    close = difflib.get_close_matches(name.lower(), spelt, n=1)
    return spelt[close[0]] if close else None


def unknown_option(function: str, name: str, allowed: Iterable[str]) -> Exception:
    """Build (not raise) the TypeError for an argument that `function` does not have."""
    allowed = list(allowed)
    meant = did_you_mean(name, allowed)
    remedy = f"Did you mean {meant!r}?" if meant else "Check the spelling, or leave it out."
    options = "one of " + ", ".join(map(repr, allowed)) if allowed else "no options"
    return refuse(TypeError, function, "option", name, options, remedy)


def integer(function: str, argument: str, value: Any, remedy: str = "Pass an int.") -> int:
    """Return `value` as an int; a float, a bool or a string is a TypeError."""
    try:
        if not _is_boolean(value):
            return operator.index(value)
    except (TypeError, ValueError):
        pass
    raise refuse(TypeError, function, argument, value, "an integer", remedy)


def _is_boolean(value: Any) -> bool:
    if isinstance(value, (bool, int, float)):  # first: a symbolic size has no other attribute
        return isinstance(value, bool)
    return "bool" in str(getattr(value, "dtype", ""))


def _is_no_real(value: Any) -> bool:
    """Whether float() would drop a part of an array or tensor: an imaginary one, a date, a mask."""
    if isinstance(value, (int, float)):
        return False
    dtype = getattr(value, "dtype", None)
    dropped = getattr(dtype, "kind", "") in tuple("cmMSU")  # NumPy's; torch has no kind
    return dropped or getattr(dtype, "is_complex", False) or is_masked(value)


def is_masked(value: Any) -> bool:
    """Whether this is a NumPy masked array, whose mask np.asarray would drop in silence."""
    numpy = sys.modules.get("numpy")  # where NumPy was never imported, nothing is an array of it
    return numpy is not None and isinstance(value, numpy.ma.MaskedArray)


def unmasked(function: str, argument: str, value: Any) -> None:
    """Refuse a NumPy masked array, also in a list or tuple of arrays."""
    parts = value if isinstance(value, (list, tuple)) else (value,)
    if any(map(is_masked, parts)):
        raise refuse(
            TypeError, function, argument, "a masked array", "an array without a mask",
            "Fill or drop what is masked first: .filled(number) or .compressed().",
        )  # fmt: skip


def size(
    function: str, argument: str, value: Any, *, minimum: int = 1, remedy: str | None = None
) -> int:
    """Return `value` as an int of at least `minimum` that 64 bits hold."""
    remedy = remedy or f"Pass an int >= {minimum}."
    number = integer(function, argument, value, remedy)
    if number < minimum:
        allowed = f"an integer of at least {minimum}"
        raise refuse(ValueError, function, argument, value, allowed, remedy)
    # A symbolic size is no int; it is one of a tensor, so it is not too large.
    if isinstance(number, int) and number > LARGEST_SIZE:
        allowed = f"an integer of at most 2**63 - 1 = {LARGEST_SIZE}"
        raise refuse(ValueError, function, argument, value, allowed, remedy)
    return number


def real(
    function: str,
    argument: str,
    value: Any,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    at_least: float = -math.inf,
) -> float:
    """Return `value` as a finite float with above < value < below and value >= at_least."""
    try:
        if _is_boolean(value) or isinstance(value, (str, bytes, bytearray)) or _is_no_real(value):
            raise TypeError
        number = float(value)
    except OverflowError:  # a whole number past the range of float
        number = math.inf
    except (TypeError, ValueError, RuntimeError):
        raise refuse(
            TypeError, function, argument, value, "a real number", "Pass one float."
        ) from None
    finite = abs(number) < math.inf  # math.isfinite does not take a symbolic number
    if not (finite and above < number < below and number >= at_least):
        bounds = [f"above {above:g}"] if above > -math.inf else []
        bounds += [f"at least {at_least:g}"] if at_least > -math.inf else []
        bounds += [f"below {below:g}"] if below < math.inf else []
        allowed = " ".join(["a finite number", " and ".join(bounds)]).strip()
        raise refuse(ValueError, function, argument, value, allowed, "Choose a value in range.")
    return number


def probability(function: str, argument: str, value: Any) -> float:
    """Return `value` as a float in [0, 1)."""
    return real(function, argument, value, at_least=0.0, below=1.0)


def spread(function: str, value: Any, argument: str = "std") -> float:
    """Return the standard deviation of a random start as a float: 0, or one that float32 holds.

    A larger one would draw infinity, a smaller one only zeros.
    """
    number = real(function, argument, value, at_least=0.0)
    if number and not SMALLEST_START <= number <= LARGEST_START:
        raise refuse(
            ValueError, function, argument, value,
            f"0, or a number from {SMALLEST_START:g} to {LARGEST_START:g}",
            "float32 weights hold no others; 0.02 is usual.",
        )  # fmt: skip
    return number


def flag(function: str, argument: str, value: Any) -> bool:
    """Return `value` if it is True or False; "False" and 0 are a TypeError."""
    if not isinstance(value, bool):
        raise refuse(TypeError, function, argument, value, "True or False", "Pass a bool.")
    return value


def choice(function: str, argument: str, value: Any, allowed: Sequence[str]) -> str:
    """Return `value` if it is one of the allowed strings; an array or a list is a ValueError."""
    if not isinstance(value, str) or value not in allowed:
        options = "one of " + ", ".join(repr(option) for option in allowed)
        meant = did_you_mean(value, allowed)
        remedy = f"Did you mean {meant!r}?" if meant else "Check the spelling."
        raise refuse(ValueError, function, argument, value, options, remedy)
    return value


def divides(function: str, argument: str, value: int, total_name: str, total: int) -> None:
    """Refuse a `value` that does not divide `total`."""
    if total % value:
        allowed = f"a divisor of {total_name} = {total}"
        remedy = f"Each of the {value} parts needs the same whole number of features."
        raise refuse(ValueError, function, argument, value, allowed, remedy)


def tensor(function: str, argument: str, value: Any) -> None:
    """Refuse anything that is not a torch.Tensor."""
    import torch

    if not isinstance(value, torch.Tensor):
        kind = type(value).__name__
        raise refuse(
            TypeError, function, argument, kind, "a torch.Tensor", "Wrap it in torch.as_tensor."
        )


def floating(function: str, argument: str, value: Any, *, axes: str) -> None:
    """Refuse anything but a floating-point tensor with the named axes, such as "query dim"."""
    tensor(function, argument, value)
    if not value.is_floating_point():
        raise refuse(
            TypeError, function, f"{argument}.dtype", value.dtype, "a floating-point dtype",
            "Convert it first, for example with .float().",
        )  # fmt: skip
    if value.dtype.itemsize == 1:  # float8 is for storing: torch neither adds nor multiplies it
        raise refuse(
            TypeError, function, f"{argument}.dtype", value.dtype,
            "float16, bfloat16, float32 or float64", "Convert it first, for example with .float().",
        )  # fmt: skip
    rank(function, argument, value, axes=axes)


def float_dtype(function: str, argument: str, value: Any) -> Any:
    """Return `value` if it is the dtype of real numbers that a result may have."""
    import torch

    if value not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise refuse(
            TypeError, function, argument, value, "float16, bfloat16, float32 or float64",
            "Pass a dtype of torch, such as torch.float32.",
        )  # fmt: skip
    return value


def rank(function: str, argument: str, value: Any, *, axes: str) -> None:
    """Refuse an array whose number of axes is not that of `axes`; "..." allows any leading axes."""
    names = axes.split()
    shape = tuple(value.shape)
    open_ended = names[0] == "..."
    wanted = len(names) - open_ended
    if len(shape) < wanted or (not open_ended and len(shape) != wanted):
        allowed = f"shape ({', '.join(names)})"
        remedy = "Add or remove an axis: a missing batch axis is x[None]."
        raise refuse(ValueError, function, f"{argument}.shape", shape, allowed, remedy)


def last_axis(function: str, argument: str, value: Any, name: str, expected: int) -> None:
    """Refuse an array whose last axis is not `expected` long."""
    found = int(value.shape[-1])
    if found != expected:
        remedy = f"Make the two agree: the {name} of {argument} comes last."
        raise refuse(
            ValueError, function, f"{argument}.shape[-1]", found, f"{name} = {expected}", remedy
        )


def autocast_on(value: Any) -> bool:
    """Whether autocast is in force on the device of this tensor.

    torch 2.11 cannot trace the question whether a kind of device has autocast at all.
    """
    import torch

    kind = value.device.type
    if kind not in ("cpu", "cuda") and not torch.amp.is_autocast_available(kind):
        return False
    return torch.is_autocast_enabled(kind)


def same_dtype(function: str, **tensors: Any) -> None:
    """Refuse tensors of different dtypes."""
    dtypes = {argument: value.dtype for argument, value in tensors.items()}
    if len(set(dtypes.values())) > 1:
        raise refuse(
            TypeError, function, " and ".join(dtypes), list(dtypes.values()),
            "one dtype for all of them", "Convert one of them with .to(other.dtype).",
        )  # fmt: skip


def readable(value: Any) -> bool:
    """Whether the numbers of a tensor can be looked at: not while a graph is being traced, not on
    the meta device and not inside torch.func. Checks of values are left out there; checks of
    shapes and dtypes never are.
    """
    import torch

    return not (
        torch.compiler.is_compiling()
        or value.is_meta
        or isinstance(value, torch._subclasses.FakeTensor)
        or torch._C._functorch.is_functorch_wrapped_tensor(value)
    )


def boolean(function: str, argument: str, value: Any) -> None:
    """Refuse anything but a boolean tensor."""
    import torch

    tensor(function, argument, value)
    if value.dtype != torch.bool:
        remedy = "True marks what may be seen. Convert a 0/1 mask with .bool()."
        raise refuse(TypeError, function, f"{argument}.dtype", value.dtype, "torch.bool", remedy)


def whole(function: str, argument: str, value: Any, remedy: str) -> None:
    """Refuse anything but a tensor of whole numbers that int64 holds."""
    import torch

    tensor(function, argument, value)
    if value.dtype not in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
        raise refuse(
            TypeError, function, f"{argument}.dtype", value.dtype, "an integer dtype", remedy
        )


def numbers(function: str, argument: str, value: Any, remedy: str) -> None:
    """Refuse a tensor of anything but real numbers that arithmetic keeps.

    Complex numbers would lose a part, booleans are masks, uint64 wraps in int64, and float8 and
    quantised tensors have no arithmetic.
    """
    import torch

    tensor(function, argument, value)
    known = (
        torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
        torch.float16, torch.bfloat16, torch.float32, torch.float64,
    )  # fmt: skip
    if value.dtype not in known:
        raise refuse(
            TypeError, function, f"{argument}.dtype", value.dtype, "an integer or float dtype",
            remedy,
        )  # fmt: skip


def distances(function: str, argument: str, value: Any, *, most: float = math.inf) -> None:
    """Refuse distances, key - query, that are no tensor of finite real numbers, `most` at most."""
    import torch

    numbers(function, argument, value, "Pass distances, as made by relative_positions.")
    if not (value.is_floating_point() and value.numel() and readable(value)):
        return
    if not bool(torch.isfinite(value).all()):
        raise refuse(
            ValueError, function, argument, "NaN or infinity", "finite distances",
            "Fill the gaps first.",
        )  # fmt: skip
    if most < math.inf and (farthest := float(value.detach().double().abs().max())) > most:
        raise refuse(
            ValueError, function, argument, farthest, f"distances up to {most:g}",
            "Count in a larger unit: what is made of these is past the range of float64.",
        )  # fmt: skip


def indices(function: str, argument: str, value: Any, *, rows: int, remedy: str) -> Any:
    """Return an index tensor as int64; refuse another dtype and values outside [0, rows)."""
    whole(function, argument, value, "Look-ups need whole numbers: convert with .long().")
    value = value.long()
    if value.numel() == 0 or not readable(value):
        return value
    low, high = int(value.min()), int(value.max())
    if low < 0 or high >= rows:
        worst = low if low < 0 else high
        allowed = f"indices from 0 to {rows - 1}"
        raise refuse(IndexError, function, argument, worst, allowed, remedy)
    return value


def positions(
    function: str, argument: str, value: Any, *, length: int, batch: int | None = None
) -> None:
    """Refuse positions that are not a finite (length,) or (batch, length) tensor of numbers.

    With a `batch`, the batch axis of the positions must be that long, or 1.
    """
    import torch

    tensor(function, argument, value)
    remedy = "Positions are numbers; a mask goes into mask= or padding=."
    if value.dtype != torch.bool and not value.is_complex():
        remedy = "Convert them first, for example with .long() or .double()."
    numbers(function, argument, value, remedy)
    if value.dtype in (torch.float16, torch.bfloat16):
        raise refuse(
            TypeError, function, f"{argument}.dtype", value.dtype,
            "an integer dtype, float32 or float64",
            "Half precision knows no whole numbers past 2,048 (bfloat16: 256).",
        )  # fmt: skip
    shape = tuple(value.shape)
    rows = (1, batch) if batch is not None else shape[:1]
    if (
        len(shape) not in (1, 2)
        or shape[-1] != length
        or (len(shape) == 2 and shape[0] not in rows)
    ):
        allowed = f"shape ({length},) or ({'batch' if batch is None else batch}, {length})"
        remedy = "Give one position for each token, for example torch.arange(length)."
        raise refuse(ValueError, function, f"{argument}.shape", shape, allowed, remedy)
    if value.is_floating_point() and readable(value) and not bool(torch.isfinite(value).all()):
        raise refuse(
            ValueError, function, argument, "NaN or infinity", "finite positions",
            "Fill the gaps first.",
        )  # fmt: skip
