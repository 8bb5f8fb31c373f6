"""Figures from arrays; none reads or shows anything."""
