"""Door 1: position is added to the embeddings, before the first layer.

- fixed: `sinusoidal` (the functions), `sinusoidal_encoding`, `split_sinusoidal`,
  `axial_sinusoidal`, `timing`; `fourier`, drawn once at random
- trained: `learned`, `learned_grid` and how it gets another size, `resize_grid`, `axial_learned`,
  `bert`, and `minilm_table`, a trained one to look at
- made of the tokens around: `convolution` over time, `conditional` over a grid
"""
