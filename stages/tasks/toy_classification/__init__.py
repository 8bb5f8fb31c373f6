"""Toy classification: decision boundary and hidden units of a small network."""
