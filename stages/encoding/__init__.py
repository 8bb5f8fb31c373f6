"""Encoding of raw input as arrays; the same code for datasets and for single predictions."""
