"""Every family of transformers beside `encoding_from_config`: which count, and whether ours agrees."""
