"""The parts of every experiment: model, training, records, runs side by side."""
