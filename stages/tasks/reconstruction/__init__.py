"""Reconstruction: what an autoencoder keeps of an image, search and anomaly detection."""
