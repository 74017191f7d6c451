"""From one form of trained weights to another, with the same answers.

- `rope_layout`: interleaved and half layout of RoPE
- `nezha_forms`: NEZHA's relative vectors as a rotation of the projections
"""
