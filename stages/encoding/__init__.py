"""Raw input to arrays, by the same code for a whole dataset and for one example to predict."""
