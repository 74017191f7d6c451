"""A hub for a class, and the test that loads it: see README.md in this folder."""
