"""Autoencoding: losses, samples and latent space of a variational autoencoder."""
