"""What everything stands on: doors, places, masks, distances, and the checks of what comes in.

- `doors`: the protocol of an encoding; `no_encoding`: its smallest example; `combined`: several in
  one layer; `registry_entry`: what the library knows about one
- `places`: where queries and keys stand, looked at once; `masks`: what they may see
- `relative`, `distance_rows`: key position minus query position, as a matrix and as a row
- `grid`: rows and columns of a picture; `randomised`: positions drawn at random; `batches`: those
  of padded and packed rows
- `validation`: errors that help; `precision`, `float64`, `angles`: rounding, once and last
- `draws`: random numbers that are not taken from the reader's generators
- `arrays`, `shipped`: NumPy arrays and data files that are looked at before use; `extras`: what a
  plain install lacks, named with the command that brings it
"""
