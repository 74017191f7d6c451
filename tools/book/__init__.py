"""The collection as a book that needs no kernel and no network."""
