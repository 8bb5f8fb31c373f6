"""What all trainings share: runtime, optimizers, fit, callbacks, layers, stored bundles."""
