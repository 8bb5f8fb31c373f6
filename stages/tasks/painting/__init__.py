"""Painting one picture: how well pixels that were held out are guessed."""
