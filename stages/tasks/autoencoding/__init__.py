"""Autoencoding: the losses of a variational autoencoder, and what its latent space holds."""
