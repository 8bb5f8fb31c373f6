"""The schema of params.yaml: it rejects wrong values and changes none. No stage depends on it."""
