"""Training with few labels: from scratch, on frozen features, and fine-tuned."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from tqdm import tqdm

from stages.core.splits import Split
from stages.inference.outputs import predict_arrays
from stages.learning.fit import compile_model, encode_labels, fit, make_loss
from stages.learning.optimizers import make_optimizer
from stages.learning.runtime import session
from stages.networks.cnn.train import build
from stages.pipelines.arrays import make_batches
from stages.transfer_learning.networks import (
    copy_features,
    extract,
    freeze_statistics,
    join_scale,
    root_mean_square,
    take_head,
)

SCRATCH = "from scratch"
FROZEN = "frozen features"
FINE_TUNED = "fine-tuned"
RANDOM = "random features"
METHODS = (SCRATCH, FROZEN, FINE_TUNED, RANDOM)


class Features(NamedTuple):
    """Features of the two splits, float16 [n, features]."""

    train: np.ndarray
    validation: np.ndarray


def choose_labeled(y: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Choose the labeled examples.

    Args:
        y: Classes [n].
        per_class: Number of examples of each class.
        seed: Seed; the examples of a smaller number are among those of a larger one.

    Returns:
        Their indices, ascending; all examples of a class that has no more than `per_class`.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    chosen = [order[y[order] == number][:per_class] for number in np.unique(y)]
    return np.sort(np.concatenate(chosen))


def count_steps(config: Any, num_examples: int) -> int:
    """Return the number of training steps: `epochs`, but at least `min_steps`."""
    per_epoch = math.ceil(num_examples / config.batch_size)
    return int(max(config.min_steps, config.epochs * per_epoch))


def train(model: keras.Model, config: Any, rate: float, examples: Split) -> None:
    """Train a classifier with cross-entropy loss.

    Args:
        model: Classifier that outputs probabilities.
        config: Section `training` of the experiment.
        rate: Highest learning rate.
        examples: Labeled examples; images, or features.

    Raises:
        DivergedError: If a loss or weight is not finite.
    """
    steps = count_steps(config, len(examples.y))
    num_classes = model.output_shape[-1]
    optimizer = config.optimizer.model_copy(update={"learning_rate": rate})
    compile_model(model, make_optimizer(optimizer, steps), loss=make_loss(num_classes, 0.0))
    batches = make_batches(examples, config, shuffle=True).repeat()
    fit(model, batches.map(lambda x, y: (x, encode_labels(y, num_classes))), steps=steps)


def measure(model: keras.Model, examples: Split) -> float:
    """Return the accuracy of a classifier."""
    return float(np.mean(predict_arrays(model, examples.x).argmax(axis=1) == examples.y))


def run_all(
    config: Any,
    network: Any,
    source: keras.Sequential,
    splits: dict[str, Split],
) -> dict[str, np.ndarray]:
    """Train with each method, seed and number of labels.

    Args:
        config: Section of the experiment.
        network: Section `network` of the model whose features are transferred.
        source: That model, trained.
        splits: Training and validation split of the new dataset.

    Returns:
        Validation accuracies [seeds, numbers of labels] by method.
    """
    precision = config.training.precision
    with session(config.seeds[0], precision):
        learned = extract_splits(initialize(network, splits, source), splits)
    accuracies: dict[str, list[list[float]]] = {method: [] for method in METHODS}
    jobs = tqdm(total=len(config.seeds) * len(config.labels_per_class), unit=" trainings of each")
    for seed in config.seeds:
        with session(seed, precision):
            random = extract_splits(initialize(network, splits), splits)
        rows = []
        for per_class in config.labels_per_class:
            labeled = choose_labeled(splits["train"].y, per_class, seed)
            with session(seed, precision):
                row = run_one(config, network, source, splits, labeled, learned)
            with session(seed, precision):  # with the weights of `random`
                model = initialize(network, splits)
                row[RANDOM] = train_head(config, model, splits, labeled, random)
            rows.append(row)
            jobs.update()
        for method in METHODS:
            accuracies[method].append([row[method] for row in rows])
    jobs.close()
    return {method: np.array(values) for method, values in accuracies.items()}


def run_one(
    config: Any,
    network: Any,
    source: keras.Sequential,
    splits: dict[str, Split],
    labeled: np.ndarray,
    learned: Features,
) -> dict[str, float]:
    """Train from scratch, on frozen features, and from there all weights.

    Args:
        config: Section of the experiment.
        network: Section `network` of the source.
        source: Trained model.
        splits: Training and validation split.
        labeled: Indices of the labeled training examples.
        learned: Features of the source.

    Returns:
        Validation accuracies by method.
    """
    examples, training = splits["train"].take(labeled), config.training
    scratch = initialize(network, splits)
    train(scratch, training, training.optimizer.learning_rate, examples)
    tuned = initialize(network, splits, source)
    frozen = train_head(config, tuned, splits, labeled, learned)
    freeze_statistics(tuned)
    train(tuned, training, config.fine_tuning_learning_rate, examples)
    return {
        SCRATCH: measure(scratch, splits["validation"]),
        FROZEN: frozen,
        FINE_TUNED: measure(tuned, splits["validation"]),
    }


def initialize(
    network: Any, splits: dict[str, Split], source: keras.Sequential | None = None
) -> keras.Sequential:
    """Build the network with random weights, or with the features of `source`."""
    train_split = splits["train"]
    model = build(network, train_split.x.shape[1:], int(train_split.y.max()) + 1)
    if source is not None:
        copy_features(source, model)
    return model


def extract_splits(model: keras.Sequential, splits: dict[str, Split]) -> Features:
    """Return the features of both splits."""
    return Features(*(extract(model, splits[name].x) for name in Features._fields))


def train_head(
    config: Any,
    model: keras.Sequential,
    splits: dict[str, Split],
    labeled: np.ndarray,
    features: Features,
) -> float:
    """Train the head of a classifier on its features, and return the validation accuracy.

    Args:
        config: Section of the experiment.
        model: Classifier; afterwards, it is one of images as good as that of features.
        splits: Training and validation split.
        labeled: Indices of the labeled training examples.
        features: Features of the classifier.
    """
    examples, training, head = features.train[labeled], config.training, take_head(model)
    scale = root_mean_square(examples)
    train(
        head,
        training,
        training.optimizer.learning_rate,
        Split(examples / np.float16(scale), splits["train"].y[labeled]),
    )
    accuracy = measure(head, Split(features.validation / np.float16(scale), splits["validation"].y))
    join_scale(model, float(np.float16(scale)))
    return accuracy
