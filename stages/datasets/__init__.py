"""One module per source format; each has `prepare(source, config)`."""
