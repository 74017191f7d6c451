"""Multi-head latent attention: one small latent vector a token in place of its keys and values.

    c_j = norm(W_dkv x_j),      k_j^h = [W_uk^h c_j ; R(j) W_kr x_j],    v_j^h = W_uv^h c_j
    c'_i = norm(W_dq x_i),      q_i^h = [W_uq^h c'_i ; R(i) W_qr^h c'_i]

The turned key R(j) W_kr x_j is one for all heads, so a cache holds c_j and that: 512 + 64 numbers a
token and layer in DeepSeek-V2, where 128 heads of 128 would hold 32,768. Without rotation between
them W_uk can be drawn over to the query, which then meets the latents themselves ("absorbed"):

    q_plain . W_uk c  =  (W_uk^T q_plain) . c,      sum_j a_j W_uv c_j  =  W_uv sum_j a_j c_j

Source: DeepSeek-AI 2024, "DeepSeek-V2", sections 2.1.2 and 2.1.3, equations 9 to 19; the norms are
those of the released code.

The trap: turning k_plain. R(j) would stand between W_uk and the query, and every key would have to
be made anew for each step; that is why the rotation has features of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.doors import Positions, Prepared
from posenc_lib.base.masks import Masks
from posenc_lib.layers.dot_product import explained
from posenc_lib.layers.fused import fused
from posenc_lib.layers.kv_cache import KeyValueCache
from posenc_lib.layers.multihead import MultiHeadAttention
from posenc_lib.rotary.decoupled import DecoupledRotary
from posenc_lib.rotary.rope import RotaryEncoding


class LatentAttention(MultiHeadAttention):
    """Self-attention whose keys and values are made of one latent vector a token.

    k_j^h = [W_uk^h c_j ; R(j) W_kr x_j], v_j^h = W_uv^h c_j, with c_j = norm(W_dkv x_j).

    - `latent`: features of c, which the cache holds beside the turned key.
    - `rope`: what turns; its head_dim features come last in queries and keys.
    - `plain_dim`, `value_dim`: features of a head that are not turned, and of its values.
    - `query_latent`: features of the queries' own latent; None: queries come straight from x.

    `encoding` is then a `DecoupledRotary`. `scale` is 1 / sqrt(plain_dim + rope.head_dim) unless
    given; `settings` are those of `MultiHeadAttention`: causal, window, chunk, sink, dropout. Of a
    `KeyValueCache` the key is the turned one, the value the latent, both with one head. Linear maps
    have no bias.

    Raises ValueError for sizes below 1, TypeError for a rope that is none, and like
    `MultiHeadAttention`.

    Source: DeepSeek-AI 2024, "DeepSeek-V2", sections 2.1.2 and 2.1.3.

    >>> layer = LatentAttention(
    ...     8, heads=2, latent=4, rope=RotaryEncoding(2), plain_dim=4, value_dim=4, causal=True
    ... )
    >>> cache = KeyValueCache()
    >>> output, weights = layer(torch.zeros(1, 3, 8), cache=cache)
    >>> cache.key.shape[-1] + cache.value.shape[-1]  # numbers a token, where 16 would be held
    6
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        latent: int,
        rope: RotaryEncoding,
        plain_dim: int,
        value_dim: int,
        query_latent: int | None = None,
        scale: float | None = None,
        **settings: Any,
    ) -> None:
        name = "LatentAttention"
        plain_dim = validation.size(name, "plain_dim", plain_dim)
        value_dim = validation.size(name, "value_dim", value_dim)
        latent = validation.size(name, "latent", latent)
        for option in ("kv_heads", "head_dim", "encoding", "length", "bias", "flex"):
            if option in settings:
                raise validation.unknown_option(name, option, ["causal", "window", "sink"])
        if not isinstance(rope, RotaryEncoding):
            raise validation.refuse(
                TypeError, name, "rope", type(rope).__name__, "a RotaryEncoding",
                "RotaryEncoding(64), or a scaling of it such as YarnRotary.",
            )  # fmt: skip
        turned, head_dim = rope.head_dim, plain_dim + rope.head_dim
        super().__init__(
            dim, heads, encoding=DecoupledRotary(head_dim, rope), head_dim=head_dim, scale=scale,
            bias=False, **settings,
        )  # fmt: skip
        self.rope = rope
        self.latent, self.plain_dim, self.value_dim = latent, plain_dim, value_dim
        del self.to_key, self.to_value  # in their place:
        self.to_latent = nn.Linear(self.dim, latent + turned, bias=False)
        self.latent_norm = nn.RMSNorm(latent, eps=1e-6)
        self.from_latent = nn.Linear(latent, self.heads * (plain_dim + value_dim), bias=False)
        self.to_output = nn.Linear(self.heads * value_dim, self.dim, bias=False)
        self.to_query_latent: nn.Module = nn.Identity()
        if query_latent is not None:
            query_latent = validation.size(name, "query_latent", query_latent)
            self.to_query_latent = nn.Sequential(
                nn.Linear(self.dim, query_latent, bias=False), nn.RMSNorm(query_latent, eps=1e-6)
            )
            self.to_query = nn.Linear(query_latent, self.heads * head_dim, bias=False)

    def forward(  # type: ignore[override]  # there is no context
        self,
        x: Float[Tensor, "batch query dim"],
        *,
        positions: Positions | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        padding: Bool[Tensor, "batch key"] | None = None,
        cache: KeyValueCache | None = None,
        need_weights: bool = True,
        prepared: Prepared | None = None,
    ) -> tuple[Float[Tensor, "batch query dim"], Float[Tensor, "batch heads query key"] | None]:
        """Output (batch, query, dim) and weights (batch, heads, query, key), as in
        `MultiHeadAttention`.

        With more keys than queries, as in decoding, queries meet the latents themselves; otherwise
        keys and values are written out. Both give the same numbers to rounding.
        """
        need_weights = validation.flag("LatentAttention", "need_weights", need_weights)
        if prepared is None:
            prepared = self.prepare(self.places(x, None, positions, None, cache))
        else:
            self._check_prepared(prepared, x, None, positions, None, cache)
        _, places, at_query, at_new, _ = prepared
        query = self._split(self.to_query(self.to_query_latent(x)))
        query = self._door("at_query", query, at_query)
        turned, latent, kept = self._turned_and_latent(x, at_new, cache)
        masks = Masks(places, *self._masks(mask, padding, query, turned))
        absorbed = query.shape[-2] < turned.shape[-2]
        query, key, value = self._operands(query, turned, latent, absorbed)
        if need_weights:
            output, weights = explained(query, key, value, None, masks, self.scale, self.sink)
        else:
            weights = None
            output = fused(query, key, value, None, masks, self.scale, self.sink, False)
        if absorbed:  # sums of latents become sums of values
            output = output @ self._maps()[1].transpose(-1, -2)
        if cache is not None:
            cache.keep(*kept, places.key, start=places.start, owner=self._identity)
        return self.dropout(self.to_output(self._merge(output))), weights

    def _turned_and_latent(
        self, x: Tensor, at_new: Any, cache: KeyValueCache | None
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """The turned key and the latent of every token, (batch, 1, key, ...), and what is kept."""
        rope = self.rope
        new = self.to_latent(x).unsqueeze(1)  # one head for all
        latent, turned = self.latent_norm(new[..., : self.latent]), new[..., self.latent :]
        if rope.keeps_turned_keys or cache is None:
            turned = rope.at_key(turned, at_new)
            kept = (turned, latent) if cache is None else cache.joined(turned, latent)
            return *kept, kept
        kept = cache.joined(turned, latent)
        return rope.at_key(kept[0], at_new), kept[1], kept

    def _operands(
        self, query: Tensor, turned: Tensor, latent: Tensor, absorbed: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values: of one head of latents, or written out for every head."""
        if absorbed:
            plain = query[..., : self.plain_dim] @ self._maps()[0]
            query = torch.cat((plain, query[..., self.plain_dim :]), -1)
            return query, torch.cat((latent, turned), -1), latent
        made = self.from_latent(latent.squeeze(1)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        plain, value = made[..., : self.plain_dim], made[..., self.plain_dim :]
        every = turned.expand(-1, self.heads, -1, -1)
        return query, torch.cat((plain, every), -1), value

    def _maps(self) -> tuple[Tensor, Tensor]:
        """W_uk (heads, plain_dim, latent) and W_uv (heads, value_dim, latent)."""
        by_head = self.from_latent.weight.unflatten(0, (self.heads, -1))
        return by_head[:, : self.plain_dim], by_head[:, self.plain_dim :]
