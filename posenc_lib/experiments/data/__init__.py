"""The data, without a download: prose, drawn sequences, digits, measured series."""
