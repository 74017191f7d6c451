"""One family: does our plan give the logits that its tiny random model computes?

Every attention of the model is compared with the layer of the plan that stands for it: the places
shut out must be the same, the logits equal to 1e-5 where a key is seen. A table that is added to
the embeddings is compared row by row with the model's own, frequencies with its rotary modules.
"""

import math
import re
import signal
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from posenc_lib import (
    Door,
    LearnedEncoding,
    LearnedGridEncoding,
    NoEncoding,
    PositionEncoding,
    QueryTemperature,
    RotaryEncoding,
    encoding_from_config,
)
from posenc_lib.models.model_positions import ModelPositions
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.scores.t5 import T5Bias
from tools.families.tiny import SIZES, inputs, modules_of, tiny_config, tiny_model
from tools.families.watch import Attention, Watch, before_turning, watching

CLOSE, SHUT, SECONDS = 1e-5, -1e4, 30
HINTS = {
    "vision": r"vis|image|pixel|patch", "audio": r"audio|speech", "encoder": r"encoder",
    "decoder": r"decoder", "text": r"text|language|decoder|lm",
}  # fmt: skip


@dataclass
class Verdict:
    """What was found of one family."""

    family: str
    state: str  # "equal", "refused", "unchecked", "wrong"
    why: str = ""
    checks: dict[str, str] = field(default_factory=dict)  # part -> how it was compared
    report: str = ""
    seconds: float = 0.0


@cache
def check(family: str) -> Verdict:
    """Build, run and compare; whatever goes wrong on the way is the verdict."""
    begun = time.monotonic()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        verdict = _check(family)
    except TimeoutError:
        verdict = Verdict(family, "unchecked", f"takes more than {SECONDS} s")
    finally:
        signal.alarm(0)
    verdict.seconds = round(time.monotonic() - begun, 1)
    return verdict


def run(model: nn.Module, config: Any) -> tuple[Watch, list[Tensor]]:
    """A forward pass with the first input that the model takes."""
    said: Exception | None = None
    for given, places in inputs(model, config):
        try:
            with watching(model, modules_of(model)) as watch:
                model(**given)
        except TimeoutError:
            raise
        except Exception as problem:  # the next input may do
            said = said or problem
            continue
        if watch.found:
            return watch, places
        said = said or LookupError("no attention was seen")
    raise said or LookupError("nothing ran")


def _too_long(*_: object) -> None:
    raise TimeoutError


def _check(family: str) -> Verdict:
    from transformers import CONFIG_MAPPING

    try:
        positions = encoding_from_config(CONFIG_MAPPING[family]().to_dict())
    except (ValueError, TypeError) as refused:
        return Verdict(family, "refused", str(refused))
    report = positions.report
    parts = as_parts(family, positions)
    if parts is not None:
        parts.report = report
        return parts
    said = ""
    for small in SIZES:
        try:
            config = tiny_config(family, small)
            tiny = encoding_from_config(config.to_dict())
            model = tiny_model(family, config)
            watch, places = run(model, config)
            break
        except TimeoutError:
            raise
        except Exception as problem:  # the next size may do
            said = said or _said(problem)
    else:
        return Verdict(family, "unchecked", f"no tiny model: {said}", report=report)
    checks, wrong, unchecked = {}, [], []
    for name, part in tiny.details.items():
        try:
            checks[name] = compare_part(name, part, len(tiny.details), model, watch, places, config)
        except Disagreement as problem:
            wrong.append(f"{name}: {problem}")
        except LookupError as problem:
            unchecked.append(f"{name}: {problem.args[0]}")
        except Exception as problem:
            unchecked.append(f"{name}: {_said(problem)}")
    state = "wrong" if wrong else "unchecked" if unchecked else "equal"
    return Verdict(family, state, "; ".join(wrong + unchecked), checks, report)


def as_parts(family: str, positions: ModelPositions) -> Verdict | None:
    """A family that is made of others: its plans are theirs, and theirs are compared."""
    from transformers import CONFIG_MAPPING

    cls = CONFIG_MAPPING[family]
    if not cls.sub_configs:
        return None
    config, found = cls(), {}
    for attribute in cls.sub_configs:
        sub = getattr(config, attribute, None)
        if getattr(sub, "model_type", "") in CONFIG_MAPPING:
            found[attribute.removesuffix("_config")] = sub
    checks, wrong, unchecked = {}, [], []
    if not any(name.partition(".")[0] in found for name in positions.parts):
        return None
    for name, plan in positions.parts.items():
        sub = found.get(name.partition(".")[0])
        if sub is None:
            unchecked.append(f"{name}: no part of this name in its configuration")
            continue
        own = encoding_from_config(sub.to_dict()).parts
        if repr(plan) not in map(repr, own.values()):
            wrong.append(f"{name}: not the plan of {sub.model_type} by itself")
            continue
        verdict = check(sub.model_type)
        if verdict.state == "equal":
            checks[name] = f"as {sub.model_type}: {'; '.join(verdict.checks.values())}"
        else:
            unchecked.append(f"{name}: {sub.model_type} is {verdict.state}: {verdict.why}")
    state = "wrong" if wrong else "unchecked" if unchecked else "equal"
    return Verdict(family, state, "; ".join(wrong + unchecked), checks)


class Disagreement(Exception):
    """The library and the model give different numbers."""


def compare_part(
    name: str, part: PartPositions, parts: int, model: nn.Module, watch: Watch,
    places: list[Tensor], config: Any,
) -> str:  # fmt: skip
    """How a part was compared; Disagreement where it differs, LookupError where nothing fits."""
    done = []
    start = part.plan.at_start
    if not isinstance(start, NoEncoding):
        done.append(compare_start(start, part, model, watch))
    attentions = attentions_of(name, part, parts, watch)
    largest, notes = 0.0, set()
    for layer, attention in zip(part.plan, attentions, strict=True):
        gap, note = compare_layer(layer, attention, places, model, config)
        largest = max(largest, gap)
        notes |= {note} - {""}
    done.append(f"scores and masks of {len(attentions)} layers to {largest:.0e}")
    turning = [e for e in part.plan.encodings if isinstance(e, RotaryEncoding)]
    if turning:
        done += compare_frequencies(turning, model)
    return ", ".join([*done, *sorted(notes)])


def attentions_of(name: str, part: PartPositions, parts: int, watch: Watch) -> list[Attention]:
    """The self-attentions of this part: a run of places that differ in their numbers only."""
    groups: dict[str, list[Attention]] = defaultdict(list)
    for attention in watch.found:
        if attention.query.shape[2] == attention.key.shape[2]:
            groups[re.sub(r"\d+", "#", attention.place)].append(attention)
    wanted = len(part.plan)
    fitting = {place: found for place, found in groups.items() if len(found) == wanted}
    hint = HINTS.get(name.split(".")[-1], "")
    if len(fitting) > 1 or parts > 1:
        fitting = {p: f for p, f in fitting.items() if re.search(hint, p)} or fitting
    if len(fitting) > 1:
        own = {p: f for p, f in fitting.items() if not re.search(r"cross|encoder_attn|EncDec", p)}
        fitting = own or fitting
    if not fitting:
        sizes = {place: len(found) for place, found in groups.items()}
        raise LookupError(f"no run of {wanted} self-attentions among {sizes}")
    return next(iter(fitting.values()))


def compare_layer(
    layer: Any, attention: Attention, places: list[Tensor], model: nn.Module, config: Any
) -> tuple[float, str]:
    """The largest difference of a logit that is seen."""
    encoding: PositionEncoding = layer.encoding
    heated = any(isinstance(part, QueryTemperature) for part in encoding.modules())
    query, key = before_turning(attention, heated=heated)
    turns = any(isinstance(part, RotaryEncoding) for part in encoding.modules())
    if turns and not attention.turned:
        raise LookupError("what turns queries and keys was not seen")
    copy_weights(encoding, attention.place, model)
    length = query.shape[2]
    theirs = attention.logits[..., :length]
    column = attention.logits.shape[-1] == length + 1
    after = any(n.startswith(attention.place) and "sink" in n for n, _ in model.named_parameters())
    if layer.sink != (column or after):
        raise Disagreement(f"{attention.place}: a sink in one of the two only")
    at = torch.arange(length)
    seen = layer.mask(at).expand_as(theirs)
    if not torch.equal(seen, theirs > SHUT):
        many = int((seen != (theirs > SHUT)).sum())
        raise Disagreement(f"{attention.place}: {many} of {seen.numel()} places of the mask")
    scale = layer.scale or encoding.layer_scale or query.shape[-1] ** -0.5
    cap = getattr(config, "attn_logit_softcapping", None)
    gaps, said = {}, None
    for where in [at, *places]:
        try:
            with torch.no_grad():
                turned = encoding.at_query(query, where), encoding.at_key(key, where)
                bias = encoding.at_scores(query, key, where, where)
        except (ValueError, TypeError, IndexError) as problem:  # these positions are not for it
            said = said or problem
            continue
        product = turned[0] @ turned[1].mT
        for factor, note in ((scale, ""), (1.0, "scaled before the product")):
            ours = product * factor + (0.0 if bias is None else bias)
            ours = cap * torch.tanh(ours / cap) if cap else ours
            gaps[note] = min(gaps.get(note, math.inf), gap_of(ours, theirs, seen))
    if not gaps:
        raise LookupError(f"its positions: {said}")
    note = min(gaps, key=lambda one: gaps[one])
    if gaps[note] > CLOSE * max(1.0, float(theirs[seen].abs().max())):
        raise Disagreement(f"{attention.place}: scores differ by {gaps[note]:.2g}")
    return gaps[note], note


def gap_of(ours: Tensor, theirs: Tensor, seen: Tensor) -> float:
    """The largest difference of two rows of logits, but for what softmax does not see: a constant
    for each query."""
    shut = ~seen
    one, other = (
        x.double() - x.double().masked_fill(shut, -torch.inf).logsumexp(-1, keepdim=True)
        for x in (ours, theirs)
    )
    return float((one - other)[seen].abs().max())


def copy_weights(encoding: PositionEncoding, place: str, model: nn.Module) -> None:
    """The trained numbers of the model's own bias into ours."""
    if not isinstance(encoding, T5Bias):
        return
    side = re.match(r"(.*?\bdecoder\b|.*?\bencoder\b|)", place)
    tables = [
        m.weight for n, m in model.named_modules()
        if n.endswith(("relative_attention_bias", "relative_attention_bias_proj"))
        and isinstance(m, nn.Embedding) and n.startswith(side[1] if side else "")
    ]  # fmt: skip
    if not tables:
        raise LookupError("its table of biases was not found")
    named = model.named_parameters()
    own = [w for n, w in named if n.startswith(place) and "relative_attention_bias" in n]
    with torch.no_grad():
        encoding.weight.copy_((own or tables)[0])


def compare_start(
    start: PositionEncoding, part: PartPositions, model: nn.Module, watch: Watch
) -> str:
    """The table that is added to the embeddings, beside the model's."""
    if isinstance(start, (LearnedEncoding, LearnedGridEncoding)):
        rows, dim = start.weight.shape
        shape = (rows + part.skipped_rows, dim)
        for weight, index in watch.embedded:
            if tuple(weight.shape) == shape:
                count = index.shape[-1]
                wanted = torch.arange(count) + part.skipped_rows
                if torch.equal(index.reshape(-1, count)[0], wanted):
                    return f"rows {part.skipped_rows} and on of a table of {shape[0]}"
        named = model.named_parameters()
        flat = [n for n, p in named if p.numel() == rows * dim and _positional(n)]
        if flat:
            return f"a table of {rows} rows ({flat[0].split('.')[-1]})"
        raise LookupError(f"no table of {shape} was looked up")
    with torch.no_grad():
        dim = getattr(start, "dim")  # noqa: B009 - every encoding of door 1 has one
        ours = start.eval().at_embeddings(torch.zeros(1, 8, dim), torch.arange(8))[0]
    for _, table in [*model.named_buffers(), *model.named_parameters()]:
        flat = table.reshape(-1, table.shape[-1]) if table.ndim else table
        if flat.ndim == 2 and flat.shape[-1] == ours.shape[-1]:
            for first in range(min(len(flat) - 7, 4)):
                if torch.allclose(flat[first : first + 8].float(), ours, atol=CLOSE):
                    return f"a table of waves, from its row {first} on"
    raise LookupError("its table of waves was not found")


def _positional(name: str) -> bool:
    return bool(re.search(r"pos", name.lower()))


def compare_frequencies(turning: list[RotaryEncoding], model: nn.Module) -> list[str]:
    """Frequencies, to the last digits of float32, beside those of the model's rotary modules."""
    theirs = [
        buffer.detach().double() for name, buffer in model.named_buffers()
        if "inv_freq" in name and "original" not in name
    ]  # fmt: skip
    distinct: list[Tensor] = []
    for encoding in turning:
        found = encoding.frequencies()
        if not any(torch.equal(found, one) for one in distinct if one.shape == found.shape):
            distinct.append(found)
    if not theirs:
        return []
    for ours in distinct:
        same = [o for o in theirs if o.shape == ours.shape and torch.allclose(o, ours, rtol=2e-6)]
        if not same:
            return ["frequencies of another shape"]
    return [f"{len(distinct)} series of frequencies"]


def _said(problem: Exception) -> str:
    return f"{type(problem).__name__}: {str(problem).splitlines()[0][:150] if str(problem) else ''}"


__all__ = ["Disagreement", "Door", "Verdict", "check"]
