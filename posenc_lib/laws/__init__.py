"""What every encoding must obey, as code that can be pointed at one of your own.

- `law`: a law, a finding, and the list of all laws; `subject`: layers built around one encoding
- `by_position`: what the scores depend on; `in_a_layer`: rows, future, padding and the cache;
  `in_training`: gradients, weights and memory; `in_numbers`: dtypes, devices and graphs
- `check`: all laws by one call, and the table of what was found
"""
