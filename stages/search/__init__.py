"""Search for better hyperparameters: proposals, trials, storage, results; see stages/sweep.py."""
