"""The stages of the pipeline and the packages that they use."""
