"""Toy generation: points in the plane that are distributed like those of a sample."""
