"""Comparison of two revisions of the results."""
