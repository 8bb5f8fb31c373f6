"""Recipes as taught whose networks differ from those in stages/networks."""
