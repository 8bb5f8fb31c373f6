"""Code shared by all stages: errors, command line, files, paths, splits. No TensorFlow in here."""
