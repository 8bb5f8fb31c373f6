"""A network written with low-level TensorFlow operations."""
