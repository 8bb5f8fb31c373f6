"""Reach 99 % test accuracy on MNIST in seconds: `make fast`.

A short training run with the code of the pipeline and the recipe of fast.yaml, on the training and
validation images. Prints the test accuracy, and the time since the start of the process.

Reference:
    train_mnist_fast, https://github.com/tuomaso/train_mnist_fast
"""

import time
from pathlib import Path
from typing import Any

from stages.core.cli import exit_on_error
from stages.core.paths import PARAMS

RECIPE = Path(__file__).with_name("fast.yaml")
MODEL = "mnist_cnn"


def main(began: float) -> None:
    """Train and evaluate.

    Args:
        began: Start of the process, from `time.perf_counter`.
    """
    from benchmarks.recipes import as_taught, load_recipes
    from stages.config.load import parse_params, read_yaml

    values = as_taught(read_yaml(PARAMS), MODEL, load_recipes(RECIPE)[MODEL])
    config: Any = parse_params(values, str(RECIPE)).models[MODEL]

    from stages.core.splits import concatenate, load_info, load_split
    from stages.inference.outputs import predict_arrays
    from stages.learning.runtime import session
    from stages.networks.cnn.train import train
    from stages.pipelines import images

    examples = concatenate([load_split(config.dataset, name) for name in ("train", "validation")])
    make_batches: Any = images.make_batches
    with session(config.training.seed, config.training.precision):
        trained = train(config, load_info(config.dataset), examples, None, make_batches)
    test = load_split(config.dataset, "test")
    correct = predict_arrays(trained.model, test.x).argmax(axis=1) == test.y
    seconds = time.perf_counter() - began
    print(f"{correct.mean():.2%} of {len(correct):,} test images, {seconds:.1f} s")


if __name__ == "__main__":
    began = time.perf_counter()
    exit_on_error(lambda: main(began))
