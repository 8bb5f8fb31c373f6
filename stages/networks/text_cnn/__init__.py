"""Convolutional networks for texts, with or without a recurrent layer."""
