"""A class of simulated students on one machine: `python -m classroom.load`."""
