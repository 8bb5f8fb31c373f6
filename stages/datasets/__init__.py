"""One module a dataset, or a family of datasets in one format."""
