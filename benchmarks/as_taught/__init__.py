"""Recipes as taught whose networks those of stages cannot express."""
