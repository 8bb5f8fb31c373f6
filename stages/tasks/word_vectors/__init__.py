"""Word vectors: test loss, neighbors, analogies, a map, and sentiment from mean vectors."""
