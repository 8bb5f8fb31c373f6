"""Judging a variational autoencoder: what it loses, what it draws, how it orders pictures."""
