"""Transfer learning: features of one network, used to classify other images."""
