"""Telling two classes of points apart: the boundary, and how each neuron helps to draw it."""
