"""Generating points in the plane like those of a sample."""
