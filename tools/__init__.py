"""Commands of the repository: notebooks and pages written, the recipe and the wheel tried."""
