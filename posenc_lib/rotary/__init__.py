"""Door 2: queries and keys are turned by their positions, in every layer.

- `rotation`: the turn itself; `rope`: the encoding
- pictures: `axial_rope`; `mixed_rope`, with trained frequencies
- text with pictures and video: `mrope`, and `multimodal_positions` for it
- longer texts than trained: `position_interpolation`, `ntk`, `yarn`, `llama3`, `longrope`; `xpos`
  fades
- some of the features: `partial`, `decoupled`; queries alone: `temperature`
- `unpaired_rope`: what two released models compute instead of a rotation
- angles that content has no part in: `pope`
"""
