"""Exploration of the noise space of a GAN: noise of given images, and vector arithmetic."""
