"""Forecasts of measured series beside the simple rules that are hard to beat."""
