"""Coordinate network: pixel position to color through random Fourier features."""
