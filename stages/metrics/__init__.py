"""Metrics: pure functions over arrays. No TensorFlow, no files."""
