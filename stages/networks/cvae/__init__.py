"""Conditional variational autoencoder."""
