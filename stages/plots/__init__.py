"""Figures: style, saving, and plots shared by several tasks."""
