"""Autoencoder of images, which may learn to undo a corruption."""
