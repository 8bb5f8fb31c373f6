"""Evaluation of networks that generate pictures."""
