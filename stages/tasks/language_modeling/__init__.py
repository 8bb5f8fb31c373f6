"""Language modeling: test loss, loss by context, position and character type, and samples."""
