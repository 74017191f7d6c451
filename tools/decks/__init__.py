"""Decks for lectures, made from the notebooks."""
