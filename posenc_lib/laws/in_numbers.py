"""Laws of numbers and machines: dtypes, far positions in half precision, devices and graphs."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.laws.law import first_difference, law, told_apart
from posenc_lib.laws.subject import Subject

HALF = (torch.float32, torch.bfloat16, torch.float16)
STEPS = (0, 1, 2, 5, 11, 30)


@law("a layer keeps its dtype")
def dtype_is_kept(subject: Subject) -> str | None:
    """float32 tables would make a bfloat16 model twice as large, or fail in its next layer."""
    for dtype in (*HALF, torch.float64):
        found = subject.layer(dtype)(subject.tokens(1, 4, dtype))[0].dtype
        if found != dtype:
            return f"{found} came out of a layer of {dtype}"
    return None


def _parts(
    subject: Subject, encoding: PositionEncoding, dtype: torch.dtype, at: Tensor
) -> Iterator[tuple[str, Tensor]]:
    """What each door returns for fixed content that is exact in every dtype."""
    x = subject.tokens(1, len(at)).mul(8).round().div(8).to(dtype)
    heads = x.unflatten(-1, (subject.heads, -1)).transpose(1, 2)
    yield "at_embeddings", encoding.at_embeddings(x, at)
    yield "at_query", encoding.at_query(heads, at)
    yield "at_key", encoding.at_key(heads, at)
    more = {"from_input": encoding.from_input(x)} if encoding.needs_input else {}
    bias = encoding.at_scores(heads, heads, at, at, **more)
    if bias is not None:
        seen = at[None, :] <= at[:, None]
        yield "at_scores", bias.expand(1, subject.heads, *seen.shape).masked_fill(~seen, 0.0)


@law("far positions in half precision are within one rounding")
def far_positions_are_exact(subject: Subject) -> str | None:
    """Against the same parameters in float64. Refusing a position is right, guessing is not."""
    for dtype in HALF:
        exact = subject.fresh(dtype).double()  # the same parameters, rounded to the dtype first
        rough = copy.deepcopy(exact).to(dtype)
        for start in (100_000, 2_000, 0):
            at = start + (torch.arange(len(STEPS)) if subject.in_row else torch.tensor(STEPS))
            try:
                found = list(_parts(subject, rough, dtype, at))
                break
            except (IndexError, ValueError):
                if not start:
                    raise
        for (method, ours), (_, truth) in zip(
            found, _parts(subject, exact, torch.float64, at), strict=True
        ):
            exponent = torch.frexp(truth).exponent - 1
            half_step = torch.ldexp(torch.full_like(truth, torch.finfo(dtype).eps / 2), exponent)
            inside = 3e-6 * max(1.0, float(truth.detach().abs().max()))  # products in float32
            wrong = ~((ours.double() - truth).abs() <= half_step + inside)
            if bool(wrong.any()):
                place = tuple(wrong.nonzero()[0].tolist())
                token = place[1] if method == "at_embeddings" else place[2]
                words = told_apart(float(ours[place].detach()), float(truth[place].detach()))
                steps = (ours.double() - truth).abs()[place] / half_step[place]
                return (
                    f"{dtype}, position {int(at[token]):,}: {method} gave {words[0]}, "
                    f"{math.ceil(float(steps)):,} roundings from {words[1]}"
                )
    return None


@law("it follows the layer to another device")
def device_is_followed(subject: Subject) -> str | None:
    """Seen on the meta device, which computes shapes: a tensor left on the CPU does not mix."""
    layer = subject.layer().to("meta")
    x = torch.zeros(2, 5, subject.dim, device="meta", dtype=torch.float64)
    for at in (None, torch.arange(5, device="meta").expand(2, 5)):
        output = layer(x, positions=at)[0]
        if not output.is_meta:
            return f"the output of a layer on 'meta' is on {str(output.device)!r}"
    return None


@law("it compiles in one graph", asked=True)
def compiles(subject: Subject) -> str | None:
    """A branch on the numbers of a tensor would break the graph."""
    torch._dynamo.reset()
    layer, x = subject.layer(torch.float32), subject.tokens(2, 5, torch.float32)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    at = torch.tensor([[3, 4, 5, 6, 7], [0, 1, 2, 3, 4] if subject.in_row else [0, 1, 2, 0, 1]])
    found, expected = compiled(x, positions=at)[0], layer(x, positions=at)[0]
    return first_difference(
        found, expected, ("row", "token", "feature"), ("compiled", "as it is"), 1e-4
    )
