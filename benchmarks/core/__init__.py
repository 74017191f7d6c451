"""The core of this tree beside the first edition, in one process. `make bench-core` runs it."""
