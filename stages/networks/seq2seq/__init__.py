"""Recurrent encoder-decoder networks with attention, from characters or images to sequences."""
