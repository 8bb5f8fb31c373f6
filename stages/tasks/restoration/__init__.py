"""Restoration: noise removal and colorization of images."""
