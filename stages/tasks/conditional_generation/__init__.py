"""Conditional generation: images of a given class."""
