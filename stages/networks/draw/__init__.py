"""DRAW: a recurrent variational autoencoder that draws an image step by step."""
