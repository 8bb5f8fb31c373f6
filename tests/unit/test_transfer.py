"""Transfer of features, and what is concluded from it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from stages import transfer
from stages.config.load import parse_params, read_yaml
from stages.config.schema import Cnn, TransferTraining
from stages.core.errors import ConfigError
from stages.core.splits import Split
from stages.inference.outputs import predict_arrays
from stages.networks.cnn.train import build
from stages.plots.transfer import plot_accuracies, plot_gains
from stages.transfer_learning import experiment, findings, networks
from stages.transfer_learning.experiment import FINE_TUNED, FROZEN, METHODS, RANDOM, SCRATCH
from tests.factories import ADAM

ROOT = Path(__file__).parents[2]
LAYER = {"filters": 2, "kernel_size": 3, "padding": "valid", "max_pool": True, "batch_norm": True}
NETWORK = Cnn.model_validate(
    {
        "name": "cnn", "conv_layers": [LAYER], "batch_norm_momentum": 0.9, "spatial_dropout": 0.0,
        "dense_units": [5], "activation": "relu", "dropout": 0.0,
    }
)  # fmt: skip


def make_model(seed: int) -> keras.Sequential:
    keras.utils.set_random_seed(seed)
    return build(NETWORK, (8, 8), 3)


def make_split(number: int) -> Split:
    random = np.random.default_rng(number)
    y = np.arange(number, dtype=np.uint8) % 3
    x = random.integers(0, 60, (number, 8, 8)) + 60 * y[:, None, None]
    return Split(x.astype(np.uint8), y)


def make_config(**changes: Any) -> Any:
    values = {
        "batch_size": 8, "precision": "float32", "epochs": 2, "min_steps": 6, "optimizer": ADAM,
    }  # fmt: skip
    training = TransferTraining.model_validate(values | changes)
    return type(
        "Config",
        (),
        {
            "seeds": [1, 2, 3],
            "labels_per_class": [2, 5],
            "fine_tuning_learning_rate": 0.001,
            "training": training,
            "source": "a_model",
            "question": "Why?",
        },
    )


# Networks


def test_features_and_head_make_up_the_network() -> None:
    model, x = make_model(1), make_split(6).x
    features = networks.extract(model, x)
    assert (features.shape, features.dtype) == ((6, 18), np.float16)
    head = networks.take_head(model, networks.Scale(np.zeros(18, np.float32), 1.0))
    outputs = predict_arrays(head, features)
    np.testing.assert_allclose(outputs, predict_arrays(model, x), atol=1e-3)


def test_copied_features_are_those_of_the_source_and_the_head_is_not() -> None:
    source, target, x = make_model(1), make_model(2), make_split(6).x
    source.layers[4].moving_mean.assign([0.1, 0.2])
    head = target.layers[-1].get_weights()[0]
    networks.copy_features(source, target)
    np.testing.assert_array_equal(networks.extract(source, x), networks.extract(target, x))
    np.testing.assert_array_equal(target.layers[-1].get_weights()[0], head)


def test_a_head_of_standardized_features_joins_its_network() -> None:
    model, x = make_model(1), make_split(9).x
    features = networks.extract(model, x)
    scale = networks.measure_scale(features)
    expected = predict_arrays(networks.take_head(model, scale), features)
    assert not np.allclose(predict_arrays(model, x), expected, atol=0.01)
    networks.join_scale(model, scale)
    np.testing.assert_allclose(predict_arrays(model, x), expected, atol=1e-3)


def test_features_are_centered_and_have_one_scale() -> None:
    features = np.array([[0, 1], [2, 1]], np.float16)
    scale = networks.measure_scale(features)
    assert scale.mean.tolist() == [1, 1]
    assert scale.variance == 0.5


def test_frozen_statistics_stay_as_they_are() -> None:
    model, examples = make_model(1), make_split(30)
    networks.freeze_statistics(model)
    before = [layer.get_weights() for layer in model.layers]
    experiment.train(model, make_config().training, 0.01, examples)
    for layer, old in zip(model.layers, before, strict=True):
        for one, other in zip(old, layer.get_weights(), strict=True):
            frozen = isinstance(layer, keras.layers.BatchNormalization)
            assert np.array_equal(one, other) == frozen


# Experiment


def test_labeled_examples_are_balanced_and_nested() -> None:
    y = np.repeat([0, 1, 2], [50, 30, 4])
    few, many = (set(experiment.choose_labeled(y, number, seed=1)) for number in (3, 10))
    assert few < many
    assert np.bincount(y[sorted(many)]).tolist() == [10, 10, 4]
    assert few != set(experiment.choose_labeled(y, 3, seed=2))


@pytest.mark.parametrize(("examples", "steps"), [(8, 6), (32, 8), (33, 10)])
def test_the_number_of_steps(examples: int, steps: int) -> None:
    assert experiment.count_steps(make_config().training, examples) == steps


def test_all_methods_are_trained_with_each_seed_and_number_of_labels() -> None:
    splits = {"train": make_split(60), "validation": make_split(30)}
    source = make_model(9)
    weights = source.get_weights()
    config = make_config()
    config.seeds, config.labels_per_class = [1, 2], [3]
    accuracies = experiment.run_all(experiment.Experiment(config, NETWORK, source, splits))
    config.seeds = [2]
    again = experiment.run_all(experiment.Experiment(config, NETWORK, source, splits))
    assert tuple(accuracies) == METHODS
    for method in METHODS:
        assert accuracies[method].shape == (2, 1)
        np.testing.assert_array_equal(accuracies[method][1:], again[method])
    for before, after in zip(weights, source.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_network_learns_from_its_labels() -> None:
    splits = {"train": make_split(60), "validation": make_split(30)}
    model = make_model(1)
    training = make_config(min_steps=300, batch_size=32).training
    experiment.train(model, training, 0.01, splits["train"])
    assert experiment.measure(model, splits["validation"]) > 0.9


def test_a_frozen_head_leaves_the_convolutional_layers() -> None:
    splits = {"train": make_split(60), "validation": make_split(30)}
    model = make_model(1)
    before = networks.take_features(model).get_weights()
    features = experiment.extract_splits(model, splits)
    training = make_config(min_steps=100).training
    accuracy = experiment.train_head(model, training, splits, np.arange(30), features)
    assert experiment.measure(model, splits["validation"]) == pytest.approx(accuracy, abs=0.04)
    for old, new in zip(before, networks.take_features(model).get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


# Findings

STEADY = np.array([[0.700, 0.80], [0.701, 0.81], [0.702, 0.82]])
GAIN = np.array([0.05, 0])
ACCURACIES = {
    SCRATCH: STEADY, FROZEN: STEADY + GAIN, FINE_TUNED: STEADY + 2 * GAIN,
    RANDOM: STEADY - GAIN,
}  # fmt: skip
LABELS = [10, 1000]


def test_differences_are_in_points_and_compared_with_the_variation_over_seeds() -> None:
    found = findings.differences(ACCURACIES, FINE_TUNED, SCRATCH, LABELS)
    assert [each.labels for each in found] == LABELS
    assert [each.points for each in found] == pytest.approx([10, 0])
    assert [each.significant for each in found] == [True, False]


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        (FINE_TUNED, "Transfer helps with 10 labels a class, by more than the seeds vary."),
        (RANDOM, "Transfer never helps by more than the variation over seeds."),
    ],
)
def test_the_conclusion(method: str, sentence: str) -> None:
    assert findings.conclude(findings.differences(ACCURACIES, method, SCRATCH, LABELS)) == sentence


def test_the_comparison_names_better_worse_and_equal() -> None:
    found = findings.differences(ACCURACIES, RANDOM, SCRATCH, LABELS)
    assert findings.compare(found, RANDOM, SCRATCH) == (
        "Random features against from scratch: worse with 10 (-5.0 points); no more than the "
        "variation over seeds with 1,000 (+0.0 points) labels a class."
    )
    always = [findings.Difference(number, 2.0, True) for number in LABELS]
    assert "any of these numbers" in findings.conclude(always)


def test_what_the_page_says() -> None:
    details = transfer.describe(make_config(), ACCURACIES)
    assert details["finding"].startswith("Transfer helps with")
    assert "70.1% from scratch, 75.1% frozen features" in details["finding"]
    names = [summary.name for summary in transfer.summarize(LABELS, ACCURACIES)]
    assert names[1] == "from scratch, 1,000 labels"
    table = transfer.tabulate(make_config(), ACCURACIES)
    assert len(table) == 4 * 3 * 2
    first = table[(table.method == FROZEN) & (table.seed == 3)].iloc[1]
    assert first.accuracy == ACCURACIES[FROZEN][2, 1]


def test_the_figures_have_a_line_for_each_method() -> None:
    (axes,) = plot_accuracies(ACCURACIES, LABELS).axes
    assert [line.get_label() for line in axes.get_lines()] == list(METHODS)
    (axes,) = plot_gains(ACCURACIES, LABELS, SCRATCH).axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert {SCRATCH, FROZEN, FINE_TUNED, RANDOM} <= set(lines)
    np.testing.assert_allclose(np.asarray(lines[FINE_TUNED].get_ydata(), float), [10, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("source", "mnist_mlp", "transfer.transfer_fashion.source: expected one of mnist_cnn"),
        ("dataset", "imdb", "transfer.transfer_fashion.dataset: expected one of mnist, fashion"),
        ("labels_per_class", [100, 10], "labels_per_class: expected ascending numbers"),
        ("seeds", [1, 2], "transfer.transfer_fashion.seeds: list should have at least 3 items"),
    ],
)
def test_an_invalid_section_is_refused(key: str, value: Any, message: str) -> None:
    values = read_yaml(ROOT / "params.yaml")
    values["transfer"]["transfer_fashion"][key] = value
    with pytest.raises(ConfigError) as error:
        parse_params(values, "params.yaml")
    assert message in str(error.value)
