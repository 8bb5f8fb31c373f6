"""Inference with trained models: only Keras and the encoding of raw input, no training code."""
