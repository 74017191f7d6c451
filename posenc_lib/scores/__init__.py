"""Door 3: a term for each pair of query and key is added to the scores, in every layer.

- one number a distance (`distance_bias`): `t5`, `alibi`, `kerple`, `sandwich`, `fire`
- one vector a distance (`table_relative`): `shaw`, `nezha`; with terms of
  their own `transformer_xl`, `deberta`
- by the difference of two cells (`grid_bias`): the tables of Swin and BEiT, `window_bias`, `levit`,
  `swin_v2`, `decomposed`; `shifted_windows` says which cells of a rolled picture meet
- by what stands in between: `cope`; by gates of the layer's input: `forgetting`
"""
