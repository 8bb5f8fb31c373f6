"""Image fitting: how well a network from positions to colors predicts held-out pixels."""
