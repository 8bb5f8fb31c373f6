"""What every stage needs: errors, command line, files, paths, splits. No TensorFlow in here."""
