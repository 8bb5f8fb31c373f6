"""Recurrent network that classifies texts."""
