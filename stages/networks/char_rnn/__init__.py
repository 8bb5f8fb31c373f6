"""Recurrent character-level language model."""
