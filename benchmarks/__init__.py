"""Benchmarks of the recipes as taught and ours, and others. No stage depends on this package."""
