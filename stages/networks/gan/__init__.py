"""Generative adversarial network, of images or of points."""
