"""Captioning of images with sequences of words: exact-match accuracy and attention."""
