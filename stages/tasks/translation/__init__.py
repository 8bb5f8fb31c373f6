"""Translation of texts to sequences of characters: exact-match accuracy and attention."""
