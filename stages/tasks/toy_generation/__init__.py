"""Toy generation: points in the plane with the distribution of a sample."""
