"""Studies: many variants of one model, trained to answer one question."""
