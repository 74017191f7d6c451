"""Handwritten digits, pixel by pixel: what two coordinates are worth."""
