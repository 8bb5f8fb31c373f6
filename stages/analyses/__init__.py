"""Analyses: questions answered by a computation of their own, one stage each."""
