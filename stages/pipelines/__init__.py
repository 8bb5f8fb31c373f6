"""Input pipelines: batches for training, one module per kind of input."""
