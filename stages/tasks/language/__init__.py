"""Predicting a text character by character: surprise at held-out text, and text it writes."""
