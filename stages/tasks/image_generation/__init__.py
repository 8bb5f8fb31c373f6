"""Image generation: fidelity and diversity of generated images."""
