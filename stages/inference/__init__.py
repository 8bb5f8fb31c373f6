"""Using trained models: no training code, only Keras and the encoding of raw input."""
