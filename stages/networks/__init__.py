"""One package per network.

The `train` module of each has `train(config, info, train, validation, make_batches) -> Trained`;
`config` is the model's section of params.yaml, `info` the dataset's info.json.
"""
