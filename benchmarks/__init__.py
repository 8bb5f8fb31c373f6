"""The recipes as taught beside ours, and other measurements. No stage depends on this package."""
