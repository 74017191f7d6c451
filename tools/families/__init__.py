"""The map of the field: every family of transformers against `encoding_from_config`.

    python -m tools.families.denominator   writes denominator.json, the list of what counts
    python -m tools.families               compares each family on it, writes FAMILIES.md

`make families` runs the second; transformers is a test dependency and is installed by `make test`.
"""
