"""The JavaScript that stands beside the book and the decks."""
