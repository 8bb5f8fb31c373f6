"""Code shared by all training runs: runtime, optimizers, fit, callbacks, layers, bundles."""
