"""Figures: their style, how they are saved, and what several tasks draw."""
