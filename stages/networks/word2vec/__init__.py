"""Word vectors of the skip-gram model."""
