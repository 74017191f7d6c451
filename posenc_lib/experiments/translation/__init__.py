"""Translating dates: the same facts in another order, by small encoder-decoders."""
