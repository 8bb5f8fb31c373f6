"""Convolutional network of blocks: plain, residual and inception."""
