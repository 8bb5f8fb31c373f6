"""Stages on many machines: workers with clones of a commit, and what they send back."""
