"""Classical methods of scikit-learn, to compare networks with: a module per kind of data.

Each has `evaluate(config, dataset) -> Results`; `config` is the dataset's section of `baselines` in
params.yaml. No TensorFlow, no files.
"""
