"""Language modeling: the likelihood of unseen text, where it is lost, and sampled texts."""
