"""Attention, and what is built of it; any encoding goes in at its door.

- `dot_product`: the equation, with its weights; `fused`: the same through torch's fast kernel;
  `flex`: through one that needs no matrix; `attention_ways` tells which of them ran
- `multihead`, `stack`: heads and layers; `kv_cache`: what a text that grows keeps
- `latent`: one latent vector a token in place of keys and values
- `plan`: which encoding and which mask each layer of a model has
"""
