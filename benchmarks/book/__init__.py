"""How soon a reader of the book can move something, and what it costs to look."""
