"""What only the lessons use: looking at code, at tables and at how large a tensor became.

- `source`: the real code in a cell; `memory`: the largest tensor that a function makes
- `position_probe`, `similarity`, `spectrum`: what a table of positions holds
- `answer`: what a cell finds, folded until the reader asks
- `reader`: a trained Transformer that says who does it, in NumPy; `scoreboard`: what each can do
- `tiny_decoder`: random weights on which the laws of a server are tried
- `toy_relative`: a matrix that tutorials show, and what is wrong with it
"""
