"""Handwritten digits, read and drawn, and one photograph: what coordinates are worth."""
