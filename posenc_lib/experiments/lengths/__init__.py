"""Trained at 32 tokens, read at 256: which encodings keep their head."""
