"""Notebooks for a class, from the notebooks: without solutions for students, with them to teach."""
