"""Schema of params.yaml: it rejects invalid values and changes none; no stage depends on it."""
