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
    measure_scale,
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


class Experiment(NamedTuple):
    """What all trainings have in common.

    Attributes:
        config: Section of the experiment in params.yaml.
        network: Section `network` of the model whose features are transferred.
        source: That model, trained.
        splits: Training and validation split of the new dataset.
    """

    config: Any
    network: Any
    source: keras.Sequential
    splits: dict[str, Split]


def run_all(experiment: Experiment) -> dict[str, np.ndarray]:
    """Train with each method, seed and number of labels.

    Returns:
        Validation accuracies [seeds, numbers of labels] by method.
    """
    config = experiment.config
    with session(config.seeds[0], config.training.precision):
        learned = extract_splits(initialize(experiment, learned=True), experiment.splits)
    accuracies: dict[str, list[list[float]]] = {method: [] for method in METHODS}
    with tqdm(total=len(config.seeds) * len(config.labels_per_class), unit=" sets") as progress:
        for seed in config.seeds:
            with session(seed, config.training.precision):
                random = extract_splits(initialize(experiment), experiment.splits)
            rows = []
            for per_class in config.labels_per_class:
                labeled = choose_labeled(experiment.splits["train"].y, per_class, seed)
                rows.append(run_one(experiment, seed, labeled, learned, random))
                progress.update()
            for method in METHODS:
                accuracies[method].append([row[method] for row in rows])
    return {method: np.array(values) for method, values in accuracies.items()}


def run_one(
    experiment: Experiment, seed: int, labeled: np.ndarray, learned: Features, random: Features
) -> dict[str, float]:
    """Train with each method on the same labeled images.

    Args:
        experiment: See Experiment.
        seed: Seed of weights and training.
        labeled: Indices of the labeled training examples.
        learned: Features of the source.
        random: Features of the network with the random weights of `seed`.

    Returns:
        Validation accuracies by method.
    """
    config, splits = experiment.config, experiment.splits
    training, precision = config.training, config.training.precision
    examples = splits["train"].take(labeled)
    accuracies = {}
    with session(seed, precision):
        model = initialize(experiment)
        train(model, training, training.optimizer.learning_rate, examples)
        accuracies[SCRATCH] = measure(model, splits["validation"])
    with session(seed, precision):
        model = initialize(experiment, learned=True)
        accuracies[FROZEN] = train_head(model, training, splits, labeled, learned)
        freeze_statistics(model)
        train(model, training, config.fine_tuning_learning_rate, examples)
        accuracies[FINE_TUNED] = measure(model, splits["validation"])
    with session(seed, precision):
        model = initialize(experiment)
        accuracies[RANDOM] = train_head(model, training, splits, labeled, random)
    return accuracies


def initialize(experiment: Experiment, *, learned: bool = False) -> keras.Sequential:
    """Build the network with random weights, or with the convolutional layers of the source."""
    examples = experiment.splits["train"]
    model = build(experiment.network, examples.x.shape[1:], int(examples.y.max()) + 1)
    if learned:
        copy_features(experiment.source, model)
    return model


def extract_splits(model: keras.Sequential, splits: dict[str, Split]) -> Features:
    """Return the features of both splits."""
    return Features(*(extract(model, splits[name].x) for name in Features._fields))


def train_head(
    model: keras.Sequential,
    training: Any,
    splits: dict[str, Split],
    labeled: np.ndarray,
    features: Features,
) -> float:
    """Train the head of a classifier on its features, and return the validation accuracy.

    Args:
        model: Classifier; afterwards, it has this head.
        training: Section `training` of the experiment.
        splits: Training and validation split.
        labeled: Indices of the labeled training examples.
        features: Features of the classifier.
    """
    scale = measure_scale(features.train[labeled])
    head = take_head(model, scale)
    examples = Split(features.train[labeled], splits["train"].y[labeled])
    train(head, training, training.optimizer.learning_rate, examples)
    accuracy = measure(head, Split(features.validation, splits["validation"].y))
    join_scale(model, scale)
    return accuracy
