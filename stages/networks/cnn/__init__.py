"""Convolutional network for images."""
