"""How fast each encoding is, beside the libraries people install. `make bench` runs it.

Nothing here is a test and no test looks at a time.
"""
