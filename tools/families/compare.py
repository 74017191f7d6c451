"""Compares what `encoding_from_config` says of a family with a tiny model of that family.

    scores of a layer  =  scale at_query(q) . at_key(k) + at_scores(q, k), shut out by its mask
    the model's        =  what goes into its softmax

with the model's own queries and keys of before its rotary function. They are equal where the
numbers differ by less than 1e-5 of their size and the same places are shut out. What is added at
the start is looked for among all that the model adds; frequencies are those of its `inv_freq`.

The trap: a comparison that cannot fail. So a layer that claims a position must also move its scores
by more than 1e-3 when that position is left out, and tables have random rows.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from posenc_lib import (
    AxialRotary,
    Door,
    LevitBias,
    MultimodalRotary,
    NoEncoding,
    PositionEncoding,
    QueryTemperature,
    encoding_from_config,
    shifted_window_mask,
)
from posenc_lib.layers.plan import LayerPlan
from posenc_lib.models.composite_models import is_sound
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.scores.grid_bias import GridBias
from tools.families import tiny
from tools.families.added import compared_added
from tools.families.projections import constant_ratio, projection_ratio
from tools.families.record import Attention, Heard, Turn, four_axes, listen
from tools.families.settings import default
from tools.families.starts import compared_start
from tools.families.verdict import TOLERANCE, Differs, Unchecked
from tools.families.weights import load_bias

MOVED = 1e-3
SHUT = -1e4
FAINT = -50.0


@dataclass
class Checked:
    """What was compared and found equal."""

    scores: int = 0  # layers with all scores and masks equal
    turned: int = 0  # of these: equal at door 2, since the model does more after it
    start: int = 0  # parts with their table or wave found among what is added
    frequencies: int = 0  # encodings with the frequencies of the family's own rotary module
    without: int = 0  # rotary encodings whose family keeps no inv_freq
    added: int = 0  # layers whose queries and keys, and not their values, hold their place
    largest: float = 0.0
    parts: list[str] = field(default_factory=list)

    def __iadd__(self, other: Checked) -> Checked:
        for name in ("scores", "turned", "start", "frequencies", "without", "added"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.largest = max(self.largest, other.largest)
        self.parts += other.parts
        return self


def compared(cls: type[PreTrainedConfig]) -> Checked:
    """Compare one configuration class, each of its parts by itself; see `Checked`."""
    return compared_config(default(cls))


MASKED_BY_WHOLE = {"pi0", "blt_global_transformer", "blt_local_encoder", "blt_local_decoder"}
OWN_PARTS = {"paligemma": {"text"}, "maskformer": {"decoder"}}  # that only the model around shows
IN_ONE = {"t5gemma"}  # its halves share a class of configuration, whose own model is the encoder


def compared_config(whole: PreTrainedConfig) -> Checked:
    """Compare a configuration: the parts that are configurations one by one, or its own model."""
    if whole.model_type in MASKED_BY_WHOLE:
        raise Unchecked("the mask of its layers is made by the model around them")
    inner = tiny.parts_of(whole)
    names = {f"{name.removesuffix('_config')}": one for name, one in inner.items()}
    built = encoding_from_config(fields_of(whole))
    done, heads = Checked(), {name.split(".")[0] for name in built.parts}
    inside = [names[one] for one in heads & set(names)]
    if whole.model_type in IN_ONE or not inside or not all(map(tiny.has_model, inside)):
        return compared_alone(whole)
    own = (heads - set(names)) | OWN_PARTS.get(whole.model_type, set())
    if own:  # what is no config inside: the model itself, without its pictures
        done += compared_alone(whole, own)
    for name in sorted(heads - own):
        alone = encoding_from_config(fields_of(names[name]))
        if name in OWN_PARTS.get(whole.model_type, ()):
            continue  # compared above, in the model around it
        for part, plan in built.parts.items():
            if part.split(".")[0] == name:
                rest = part.removeprefix(name).removeprefix(".")
                same = alone.parts.get(rest)
                if not rest and len(alone.parts) == 1:
                    (same,) = alone.parts.values()
                if same is None or repr(same) != repr(plan):  # but for a mask from outside
                    raise Differs(f"{part} is not what its own configuration gives")
        try:
            found = compared_config(names[name])
        except Differs:
            raise
        except Exception:
            if not is_sound(name) or len(heads) == 1:
                raise  # of sound nothing is claimed
            done.parts.append(f"{name} unchecked")
            continue
        found.parts = [name]
        done += found
    return done


def fields_of(config: PreTrainedConfig) -> dict[str, Any]:
    """The fields of a configuration, under the name of its class where it has no `model_type`."""
    fields = config.to_dict()
    return fields | {"model_type": config.model_type or type(config).__name__}


def compared_alone(whole: PreTrainedConfig, own: set[str] | None = None) -> Checked:
    """Compare a configuration that is one model, however many stacks it has, or those named."""
    model, built, places, heard = listened(whole)
    details = {n: part for n, part in built.details.items() if own is None or n in own}
    by_part = events(
        heard.attentions, details, queries_of(model.config),
        getattr(model.config, "num_attention_heads_per_stage", None),
    )  # fmt: skip
    done = Checked(parts=list(details))
    for name, part in details.items():
        done += compared_part(name, part, by_part[name], model, places)
        start = part.plan.at_start
        if not isinstance(start, NoEncoding):
            compared_start(name, part, model, heard.added, by_part[name], places)
            done.start += 1
    done += compared_frequencies(details.values(), model)
    return done


def listened(whole: PreTrainedConfig) -> tuple[nn.Module, Any, Located, Heard]:
    """A tiny model that runs, what is said of its positions, where its tokens are, what it did."""
    problem: Exception | None = None
    partly: tuple[nn.Module, Any, Located, Heard] | None = None
    for config, model in tiny.tiny_models(whole):
        built = encoding_from_config(config.to_dict())
        starts = [part.plan.at_start for part in built.details.values()]
        grids = [grid for one in starts if (grid := grid_of(one)) is not None]
        for given in tiny.inputs(config, model, *grids[:1]):
            try:
                places = Located(config, model, given, built.details)
                heard = listen(model, given)
            except Unchecked:
                raise
            except Exception as one:  # another input, or a larger model, may do
                problem = problem or one
                continue
            if heard.attentions and not heard.failed:
                return model, built, places, heard
            if heard.attentions:
                partly = partly or (model, built, places, heard)
            problem = problem or Unchecked("no softmax over keys was heard in its model")
    if partly is not None:  # what it was heard to do is compared all the same
        return partly
    raise problem or Unchecked("no input is known for its model")


def queries_of(config: PreTrainedConfig) -> int | None:
    """The number of object queries, of a model or of its decoder."""
    owner = config if hasattr(config, "num_queries") else getattr(config, "decoder_config", None)
    return getattr(owner, "num_queries", None)


def grid_of(start: PositionEncoding) -> tuple[int, int] | None:
    """The grid that a table is for: its own, or the square of so many rows."""
    shape = tuple(getattr(start, "shape", ()))
    rows = getattr(start, "length", 0)
    side = math.isqrt(rows)
    if len(shape) == 2:
        return shape
    return (side, side) if side > 1 and side * side == rows else None


def events(
    heard: list[Attention],
    details: Any,
    queries: int | None = None,
    heads_of: Iterable[int] | None = None,
) -> dict[str, list[Attention]]:
    """The attentions of each part: of the encoder by its length, of the decoder by its own."""
    own = [one for one in heard if one.query.shape[2] == one.key.shape[2]]
    if len(own) > 1 and heads_of:  # SAM 2 also takes a softmax over heads, and leaves it there
        own = [one for one in own if one.query.shape[1] in heads_of]
    layers = [layer for part in details.values() for layer in part.plan]
    if any(isinstance(layer.encoding, LevitBias) for layer in layers):
        own = heard  # the queries of some layers are every second cell
    if any(not isinstance(layer.added, NoEncoding) for layer in layers):
        # beside a backbone: as wide as what is added, and object queries by their number
        found = {}
        for name, part in details.items():
            dim = part.plan[0].added.dim
            wide = [one for one in own if one.query.shape[1] * one.query.shape[3] == dim]
            found[name] = [
                one
                for one in wide
                if queries is None or (one.query.shape[2] == queries) == (name == "decoder")
            ]
        return found
    if len(details) == 1:
        (name,) = details
        if name == "prompt":  # the picture's cells came as they are: only prompts see each other
            return {name: own[-len(details[name].plan) :]}
        words = [one for one in own if one.query.shape[2] in (tiny.LENGTH, tiny.SHORT)]
        if name == "text" and words and len(own) % len(details[name].plan):
            return {name: words}  # beside layers that hear
        return {name: own}
    if set(details) == {"encoder", "decoder"}:
        by_length = {
            "encoder": [one for one in own if one.query.shape[2] == tiny.LENGTH],
            "decoder": [one for one in own if one.query.shape[2] == tiny.SHORT],
        }
        if any(by_length.values()):
            return by_length
    if set(details) == {"text", "vision"}:
        words = [one for one in own if one.query.shape[2] == tiny.LENGTH]
        pictures = [one for one in own if one.query.shape[2] != tiny.LENGTH]
        return {"text": words or own, "vision": pictures}  # or both in one row of tokens
    if sum(len(part.plan) for part in details.values()) == len(own):  # one after the other
        found, at = {}, 0
        for name, part in details.items():
            found[name] = own[at : at + len(part.plan)]
            at += len(part.plan)
        return found
    raise Unchecked(f"a model of {', '.join(details)} in one class")


ROW_BY_ROW = {"paddleocr_vl_vision"}  # patches are not put in blocks before the layers


class Located:
    """Which positions the tokens of the tiny model have, as each encoding takes them."""

    def __init__(
        self, config: PreTrainedConfig, model: PreTrainedModel, given: dict[str, Any], details: Any
    ) -> None:
        self.grid: Tensor | None = None
        self.three: Tensor | None = None
        encodings = [layer.encoding for part in details.values() for layer in part.plan]
        sections = [one for one in flat(encodings) if getattr(one, "sections", None)]
        if sections and "position_ids" in tiny.arguments(model):
            axes = len(sections[0].sections)
            torch.manual_seed(2)
            self.three = torch.randint(0, 9, (1, tiny.LENGTH, axes)).cumsum(1)
            given["position_ids"] = self.three.permute(2, 0, 1)
        if "pixel_position_ids" in given:
            column, row = given["pixel_position_ids"][0].unbind(-1)
            self.grid = torch.stack((torch.zeros_like(row), row, column), -1)
        elif "grid_thw" in given:
            self.grid = merged_grid(
                given["grid_thw"],
                1
                if config.model_type in ROW_BY_ROW
                else getattr(config, "spatial_merge_size", None) or 1,
            )

    def of(self, encoding: PositionEncoding, tokens: int) -> Tensor:
        """The positions of so many tokens for one encoding."""
        if self.three is not None and getattr(encoding, "sections", None):
            return self.three
        if getattr(encoding, "sections", None):
            return torch.arange(tokens)[None, :, None].expand(1, -1, len(encoding.sections))
        shape = getattr(encoding, "shape", None)
        if self.grid is not None and shape is not None:
            axes = len(shape)
            return self.grid[None, :, -axes:] if axes <= 3 else self.grid[None]
        around = getattr(encoding, "prefix", 0) + getattr(encoding, "suffix", 0)
        if isinstance(encoding, AxialRotary) and math.prod(encoding.shape) != tokens - around:
            side = math.isqrt(tokens - encoding.prefix - encoding.suffix)
            rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
            at = torch.stack((rows, columns), -1).reshape(1, -1, 2)
            at = torch.cat((torch.zeros_like(at[..., :1]).expand(1, -1, len(shape) - 2), at), -1)
            return at if encoding.prefix + encoding.suffix == 0 else at[0].double()
        return torch.arange(tokens)


def merged_grid(grid_thw: Tensor, merge: int) -> Tensor:
    """(time, row, column) of each patch, in blocks of merge by merge, as most order them."""
    frames, rows, columns = grid_thw[0].tolist()
    row = torch.arange(rows).reshape(rows // merge, 1, merge, 1)
    column = torch.arange(columns).reshape(1, columns // merge, 1, merge)
    shape = (rows // merge, columns // merge, merge, merge)
    at = torch.stack((row.expand(shape), column.expand(shape)), -1).reshape(-1, 2)
    time = torch.arange(frames).repeat_interleave(len(at))[:, None]
    return torch.cat((time, at.repeat(frames, 1)), -1)


def flat(encodings: Iterable[PositionEncoding]) -> Iterator[PositionEncoding]:
    """Each encoding, and those inside it, once."""
    seen: set[int] = set()
    for encoding in encodings:
        for one in encoding.modules():
            if isinstance(one, PositionEncoding) and id(one) not in seen:
                seen.add(id(one))
                yield one


def compared_part(
    name: str, part: PartPositions, heard: list[Attention], model: nn.Module, places: Located
) -> Checked:
    """Compare all layers of a part."""
    plan, done = part.plan, Checked()
    each, more = divmod(len(heard), len(plan))
    if heard and more and isinstance(plan[0].encoding, NoEncoding) and len(plan.alike()) == 1:
        plan = replace(plan, layers=[plan[0]] * len(heard))  # some pool, and say nothing either
        each, more = 1, 0
    if more or each not in (1, 2):  # two where a layer takes the difference of two softmaxes
        raise Unchecked(f"{len(heard)} attentions were heard for {len(plan)} layers of {name}")
    warmths = load_bias(name, plan, model)
    sinks = any("sink" in own for own, _ in model.named_parameters())
    layers = [layer for layer in plan for _ in range(each)]
    for number, (layer, event) in enumerate(zip(layers, heard, strict=True)):
        event.sinks_after = sinks
        layer = with_queries(layer, event, queries_of(model.config))
        event.warmth = warmths[number] if number < len(warmths) else None
        try:
            difference, at_door = compared_layer(layer, event, places)
        except Differs as found:
            raise Differs(f"{name}, layer {number}: {found}") from None
        if not isinstance(layer.added, NoEncoding):
            compared_added(f"{name}, layer {number}", layer.added, event, model)
            done.added += 1
        done.scores += 1
        done.turned += at_door
        done.largest = max(done.largest, difference)
    return done


def with_queries(layer: LayerPlan, event: Attention, queries: int | None) -> LayerPlan:
    """The plan of a layer in which trained queries stand unturned before the rest (EoMT)."""
    encoding, tokens = layer.encoding, event.query.shape[2]
    if not isinstance(encoding, AxialRotary) or not queries or tokens <= queries:
        return layer
    side = math.isqrt(tokens - queries - encoding.prefix)
    if side * side != tokens - queries - encoding.prefix:
        return layer
    more = copy.deepcopy(encoding)
    more.prefix, more.shape = encoding.prefix + queries, (side, side)
    return replace(layer, encoding=more)


def compared_layer(layer: LayerPlan, event: Attention, places: Located) -> tuple[float, bool]:
    """The largest difference of the scores of one layer, and whether it was seen at door 2."""
    keys = event.key.shape[-2]
    theirs = event.scores
    if (theirs.shape[-1] == keys + 1) != layer.sink and not (layer.sink and event.sinks_after):
        raise Differs(f"sink: the plan says {layer.sink}, the scores are {tuple(theirs.shape)}")
    theirs = theirs[..., :keys]
    seen = compared_mask(layer, theirs)
    scale: Any = layer.scale or event.query.shape[-1] ** -0.5
    if event.warmth is not None:  # a trained number of each head in place of the scale
        scale, foldings = event.warmth, [(1.0, 1.0)]
    else:
        foldings = [folded_scale(event, scale)]
    if foldings == [(1.0, 1.0)] and layer.encoding.door is Door.SCORES:
        foldings.append((scale, 1.0))  # beside a bias the scores alone do not say it
    found = [compared_folding(layer, event, theirs, seen, scale, one, places) for one in foldings]
    difference, at_door = min(found)
    if not difference < TOLERANCE:
        raise Differs(f"scores differ by {difference:.2g} of their size")
    return difference, at_door


def compared_folding(
    layer: LayerPlan,
    event: Attention,
    theirs: Tensor,
    seen: Tensor,
    scale: float,
    folded: tuple[float, float],
    places: Located,
) -> tuple[float, bool]:
    """The difference where the model had multiplied queries and keys by `folded`, and the door."""
    query, key = event.query / folded[0], repeated(event.key, event.query) / folded[1]
    warm = any(isinstance(one, QueryTemperature) for one in flat([layer.encoding]))
    turns = [*event.turns, *(Turn(one, one) for one in event.linears)] if warm else event.turns
    before_query, before_key = before(query, turns, warm), before(key, turns, warm)
    moved_by_model = before_query is not None and before_key is not None
    plain_query = before_query if before_query is not None and moved_by_model else query
    plain_key = before_key if before_key is not None and moved_by_model else key
    ours = our_scores(layer.encoding, plain_query, plain_key, scale, places)
    difference = row_difference(ours, theirs, seen)
    if difference < TOLERANCE:
        still(layer.encoding, ours, plain_query, plain_key, scale, seen)
        return difference, False
    if event.turns and not moved_by_model:  # more is done after the rotation
        at_door = compared_turns(layer.encoding, event.turns, places)
        ours = scale * query @ key.transpose(-1, -2)
        return max(at_door, row_difference(ours, theirs, seen)), True
    return difference, False


def our_scores(
    encoding: PositionEncoding, query: Tensor, key: Tensor, scale: float, places: Located
) -> Tensor:
    """The scores that the plan gives, before any mask."""
    at = places.of(encoding, key.shape[-2])
    at_query = at
    if isinstance(encoding, LevitBias) and query.shape[-2] != key.shape[-2]:
        at_query = at.reshape(encoding.shape)[::2, ::2].flatten()
    with torch.no_grad():
        query, key = encoding.at_query(query, at_query), encoding.at_key(key, at)
        scores = scale * query @ key.transpose(-1, -2)
        bias = encoding.at_scores(query, key, at_query, at)
    return scores if bias is None else scores + bias


def still(
    encoding: PositionEncoding, ours: Tensor, query: Tensor, key: Tensor, scale: float, seen: Tensor
) -> None:
    """Refuse a layer that claims a position and whose scores would be the same without."""
    if isinstance(encoding, NoEncoding):
        return
    plain = scale * query @ key.transpose(-1, -2)
    if row_difference(plain, ours, seen) < MOVED:
        raise Unchecked("its positions move no score of the tiny model: nothing is seen")


def row_difference(ours: Tensor, theirs: Tensor, seen: Tensor) -> float:
    """The largest difference where keys are seen, by the size of the scores.

    What is the same for all keys of a query is no part of an attention, and is taken off.
    """
    seen = seen.expand(theirs.shape)
    one, other = centred(ours.expand(theirs.shape), seen), centred(theirs, seen)
    return float((one - other).abs().max()) / max(1.0, float(other.abs().max()))


def centred(x: Tensor, seen: Tensor) -> Tensor:
    """Scores without the mean of their row, 0 where a key is not seen."""
    x = torch.where(seen, x, torch.zeros(()))
    mean = x.sum(-1, keepdim=True) / seen.sum(-1, keepdim=True).clamp(min=1)
    return torch.where(seen, x - mean, torch.zeros(()))


def compared_mask(layer: LayerPlan, theirs: Tensor) -> Tensor:
    """Where keys are seen, the same in both."""
    count_q, count_k = theirs.shape[-2:]
    swin = isinstance(layer.encoding, GridBias) and not isinstance(layer.encoding, LevitBias)
    if swin and bool((theirs < FAINT).any()):
        return compared_windows(layer.encoding, theirs)
    ours = layer.mask(torch.arange(count_q), torch.arange(count_k))
    return same_places("mask", theirs > SHUT, ours)


def compared_windows(encoding: GridBias, theirs: Tensor) -> Tensor:
    """Where keys are seen in shifted windows, which Swin shuts by a hundred less."""
    side = math.isqrt(theirs.shape[0] * math.prod(encoding.shape))
    ours = shifted_window_mask((side, side), encoding.shape)[:, None]
    return same_places("shifted windows", theirs > FAINT, ours)


def same_places(what: str, seen: Tensor, ours: Tensor) -> Tensor:
    """Where the model sees keys; Differs where we do not."""
    wrong = (seen != ours.expand(seen.shape)).sum().item()
    if wrong:
        raise Differs(f"{what}: {wrong} of {seen.numel()} places are shut out by one alone")
    return seen


def repeated(key: Tensor, query: Tensor) -> Tensor:
    """Keys of as many heads as the queries have."""
    times = query.shape[1] // key.shape[1]
    return key if times == 1 else key.repeat_interleave(times, 1)


def folded_scale(event: Attention, scale: float) -> tuple[float, float]:
    """What the model multiplied queries and keys by before their product.

    1 where the scores are the product times the scale; where they are the product itself, the two
    numbers by which its projections were multiplied, whose product is the scale.
    """
    key = repeated(event.key, event.query)
    product = event.query @ key.transpose(-1, -2)
    theirs = event.scores[..., : event.key.shape[-2]]
    pick = (theirs > SHUT) & (product.abs() > 0.1)
    if not pick.any() or math.isclose(scale, 1.0):
        return 1.0, 1.0
    seen = theirs > SHUT
    one, other = (centred(x, seen) for x in (theirs, product))
    if event.scores.shape[-1] > event.key.shape[-2]:  # beside a sink, rows may be shifted
        ratio = float((one * other).sum() / other.square().sum())
    else:
        ratio = (theirs / product)[pick].median().item()
    if not math.isclose(ratio, 1.0, rel_tol=1e-3):
        return 1.0, 1.0
    found = [
        projection_ratio(used, event.linears) or turned_ratio(used, event.turns)
        for used in (event.query, key)
    ]
    if found == [None, None]:  # a norm or a rotation lies between: the queries were multiplied
        return scale, 1.0
    first, second = (one or 1.0 for one in found)
    if found[0] is None and not math.isclose(second, scale, rel_tol=1e-4):
        first = scale / second
    if not math.isclose(first * second, scale, rel_tol=1e-4):
        raise Differs(f"q . k is multiplied by {first * second:.4g}, not by {scale:.4g}")
    return first, second


def turned_ratio(used: Tensor, turns: list[Turn]) -> float | None:
    """c where queries or keys are c times what a rotary function gave, None where they are not."""
    for turn in turns:
        for _, other in forms(turn, used):
            width = other.shape[-1]
            for at in (0, used.shape[-1] - width):
                ratio = constant_ratio(used[..., at : at + width], other)
                if ratio is not None:
                    return ratio
    return None


def forms(turn: Turn, used: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What went in and came out, in each order of axes that could be that of `used`."""
    pair = turn.before, turn.after
    orders: list[Any] = [four_axes]
    if turn.after.ndim == 4:
        orders.append(lambda x: x.transpose(1, 2))
    if turn.after.ndim == 3:
        orders.append(lambda x: x.transpose(0, 1)[None])
        orders.append(lambda x: x[:, None])
        if turn.after.shape[-1] % used.shape[-1] == 0:
            orders.append(lambda x: x.unflatten(-1, (-1, used.shape[-1])).transpose(1, 2))
    for order in orders:
        one, other = (order(x) for x in pair)
        if other.shape[0] != used.shape[0] or other.shape[2] != used.shape[2]:
            continue
        if other.shape[-1] > used.shape[-1] or used.shape[1] % other.shape[1]:
            continue
        yield repeated(one, used), repeated(other, used)
        times = used.shape[1] // other.shape[1]
        if times > 1:
            yield one.repeat(1, times, 1, 1), other.repeat(1, times, 1, 1)


def before(used: Tensor, turns: list[Turn], warm: bool = False) -> Tensor | None:
    """Queries or keys as they were before the rotary function, None where that is not seen.

    With `warm` the model may have multiplied each token by a number of its own afterwards.
    """
    size = float(used.abs().max())
    for turn in sorted(turns, key=lambda one: -one.after.shape[-1]):  # the whole before its parts
        for one, other in forms(turn, used):
            width = other.shape[-1]
            for at in {0, used.shape[-1] - width}:
                inside = used[..., at : at + width]
                factor = torch.ones(used.shape[2], 1)
                if warm:
                    axes = (0, 1, 3)
                    factor = ((inside * other).sum(axes) / other.square().sum(axes))[:, None]
                if float((inside - factor * other).abs().max()) <= 1e-5 * size:
                    plain = used / factor
                    plain[..., at : at + width] = one
                    return plain
    return None


def compared_turns(encoding: PositionEncoding, turns: list[Turn], places: Located) -> float:
    """The largest difference at door 2: what the rotary function gave, and what ours gives."""
    inner = getattr(encoding, "rope", encoding)
    worst = 0.0
    for turn in turns:
        least = math.inf
        orders = [four_axes(x) for x in (turn.before, turn.after)]
        for one, other in (tuple(orders), tuple(x.transpose(1, 2) for x in orders)):
            if one.shape[-1] != getattr(inner, "head_dim", -1):
                continue
            at = places.of(inner, one.shape[2])
            if at.shape[-1] != one.shape[2] and at.ndim == 1:
                continue
            try:
                turned = inner.at_query(one, at)
            except ValueError:
                continue
            least = min(least, float((turned - other).abs().max()) / float(other.abs().max()))
        worst = max(worst, least)
    if not worst < TOLERANCE:
        raise Differs(f"what is turned differs by {worst:.2g}")
    return worst


def compared_frequencies(details: Iterable[PartPositions], model: nn.Module) -> Checked:
    """Each rotary encoding has the frequencies of one of the model's rotary modules."""
    done = Checked()
    theirs = [
        (one.double().flatten(), owner)
        for owner in model.modules()
        for name, one in owner.named_buffers(recurse=False)
        if name.endswith("inv_freq") and "original" not in name and one.ndim == 1 and one.numel()
    ]
    found = flat(layer.encoding for part in details for layer in part.plan)
    for encoding in found:
        if not hasattr(encoding, "frequencies"):
            continue
        if not theirs:
            done.without += 1
            continue
        scaled = getattr(encoding, "scaled", None)
        ours = (encoding if scaled is None else scaled).frequencies().double().abs()
        magnitude = float(getattr(encoding, "magnitude", 1.0) or 1.0)
        for other, owner in theirs:
            if isinstance(
                encoding, (AxialRotary, MultimodalRotary)
            ):  # the order shows in the scores
                other = other.sort(descending=True).values
            turned = other[: len(ours)]
            rest = other[len(ours) :]
            same = len(turned) == len(ours) and torch.allclose(turned, ours, rtol=2e-6, atol=1e-12)
            factor = float(getattr(owner, "attention_scaling", magnitude) or 1.0)
            if same and not rest.any() and math.isclose(factor, magnitude, rel_tol=1e-6):
                done.frequencies += 1
                break
        else:
            raise Differs(f"frequencies of {type(encoding).__name__} are none of the family's")
    return done
