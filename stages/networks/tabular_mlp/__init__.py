"""Fully connected network for tables with two classes."""
