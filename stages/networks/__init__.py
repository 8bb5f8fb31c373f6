"""One module a network family.

Each has `train(block, description, train, validation) -> Trained`, where `block` is the model's
block of params.yaml and `description` the dataset's description.json.
"""
