"""Toy classification: the decision boundary of a small network, and what each unit adds to it."""
