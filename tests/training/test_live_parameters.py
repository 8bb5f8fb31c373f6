"""Every hyperparameter has an effect: changed alone, it changes the result of a tiny training run.

The keys come from the schema through the dump of each config, so that a new one is covered
automatically; if `another` does not know its type of value, the test fails.
"""

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from stages.core.splits import Split
from stages.learning.fit import Trained
from stages.learning.runtime import session
from tests import factories

pytestmark = pytest.mark.usefixtures("eagerly")

TEXT = "the cat sat on the mat; the dog ran to the end of it. " * 8
CHARACTERS = sorted(set(TEXT))
STREAM = np.array([CHARACTERS.index(character) for character in TEXT], np.uint16)
RANDOM = np.random.default_rng(0)
POINTS = RANDOM.uniform(-1, 1, (200, 2)).astype(np.float32)
INSIDE = (np.square(POINTS).sum(axis=1) < 0.4).astype(np.uint8)
PIXELS = np.indices((9, 7), np.uint16).reshape(2, -1).T
COLORS = RANDOM.integers(0, 256, (63, 3)).astype(np.uint8)
PIXEL_INPUT = {"input": {"type": "pixel_coordinates", "height": 9, "width": 7}}
IMAGES = (
    factories.INFOS["images"],
    factories.make_images(seed=1),
    factories.make_images((7, 5, 4)),
)
TEXTS = (
    factories.INFOS["texts"], factories.make_texts(seed=1), factories.make_texts(23, seed=2)
)  # fmt: skip
DATA: dict[str, tuple[dict[str, Any], Split, Split]] = {
    "mlp": IMAGES,
    "cnn": IMAGES,
    "block_cnn": IMAGES,
    "raw_tensorflow": IMAGES,
    "vae": IMAGES,
    "cvae": IMAGES,
    "autoencoder": IMAGES,
    "denoising": IMAGES,
    "draw": IMAGES,
    "gan": IMAGES,
    "tabular_mlp": (
        factories.INFOS["table"], factories.make_table(seed=1), factories.make_table(23, seed=2)
    ),
    "text_rnn": TEXTS,
    "text_cnn": TEXTS,
    "text_cnn_rnn": TEXTS,
    "ngrams": TEXTS,
    "word2vec": TEXTS,
    "char_rnn": (
        {"input": {"type": "characters", "vocabulary": CHARACTERS}},
        Split(STREAM[:100], STREAM[1:101]),
        Split(STREAM[300:340], STREAM[301:341]),
    ),
    "point_gan": ({}, Split(POINTS, INSIDE), Split(POINTS[:50], INSIDE[:50])),
    "text_seq2seq": (
        factories.INFOS["sequences"],
        factories.make_sequences(30, seed=1),
        factories.make_sequences(10, seed=2),
    ),
    "image_seq2seq": (
        factories.INFOS["captioned"],
        factories.make_captioned(30, seed=1),
        factories.make_captioned(10, seed=2),
    ),
    "tcn": (factories.INFOS["waves"], factories.make_waves(30), factories.make_waves(10, seed=2)),
    "toy_mlp": ({}, Split(POINTS, INSIDE), Split(POINTS[:50], INSIDE[:50])),
    "fourier_mlp": (
        PIXEL_INPUT, Split(PIXELS[:50], COLORS[:50]), Split(PIXELS[50:], COLORS[50:])
    ),
}  # fmt: skip
VALUES: dict[str, Any] = {  # other values by key, if the rules of `another` do not apply
    "precision": "mixed_bfloat16",
    "cell": "lstm",
    "padding": "valid",
    "attention": "dot",
    "schedule": "cosine",
    "activation": "sigmoid",
    "seed": 5,
    "batch_size": 7,
    "epochs": 2,
    "steps": 8,
    "corruption": {"type": "noise", "stddev": 0.3},
    "augmentation": {"shift": 2, "flip": False},
    "weight_decay": 0.1,
    "global_clipnorm": 0.01,
    "clipvalue": 0.001,
    "ema_momentum": 0.2,  # a GAN has less than 0.5 in its first steps anyway
    "label_smoothing": 0.3,
    "decoder_initial_stddev": 3.0,
    "discriminator_steps": 2,
    "r1_interval": 1,
    "sequence_length": 12,
    "sample_temperatures": [0.01, 1.0],
    "hidden_units": [4],
    "dense_units": [5],
    "decoder_units": [5, 6],
    "encoder_units": [],
    "encoder_filters": [3, 5],
    "decoder_filters": [3, 4],
    "filters": [6, 7],
    "kernel_sizes": [1, 4],
    "recurrent": {"max_pool": 3, "cell": "lstm", "units": 2},
    "initial_weight": 0.5,
}
FIXED = {"name", "type", "input_pipeline"}  # select the schema
ELSEWHERE = {
    "average_flips",  # no effect on the weights: test_block_cnn.py
    "early_stopping_patience",  # only for longer training runs: test_classifiers.py
}
SNAPSHOTS_ALONE = {"sample_temperatures", "sample_length", "sample_every"}
ABSENT = {
    ("raw_tensorflow", "training.schedule"): "constant",
    ("vae", "network.activation"): "tanh",
    ("cvae", "network.activation"): "tanh",
    ("denoising", "network.latent_dim"): 2,
    ("gan", "training.discriminator_optimizer.ema_momentum"): None,  # rejected by the checks
    ("point_gan", "training.discriminator_optimizer.ema_momentum"): None,
    ("image_seq2seq", "network.decoder.attention"): "additive",
    ("image_seq2seq", "network.encoder.filters"): [3, 5],
    ("tcn", "network.filters"): 5,
    ("text_cnn", "network.filters"): 4,
    ("text_cnn_rnn", "network.filters"): 4,
    ("tcn", "network.dense_units"): [6],
    ("cnn", "network.conv_layers.0.filters"): 4,
    ("cnn", "network.conv_layers.1.filters"): 5,
    ("cnn", "network.conv_layers.0.padding"): "same",
    ("block_cnn", "training.epochs"): 8,  # the first two have the same best epoch
    ("block_cnn", "network.blocks.0.filters"): 3,
    ("block_cnn", "network.blocks.1.filters"): 6,
    ("tabular_mlp", "training.optimizer.weight_decay"): 0.5,
}


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Iterate over the keys and values of a section; lists of numbers are values."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(values, list) and values and isinstance(values[0], dict):
        for number, value in enumerate(values):
            yield from leaves(value, f"{path}.{number}")
    else:
        yield path, values


def another(case: str, path: str, value: Any) -> Any:
    """Return another value for a key; fail for unknown types of values."""
    key = path.rsplit(".", 1)[-1]
    if (case, path) in ABSENT:
        return ABSENT[case, path]
    if key in VALUES and VALUES[key] != value:
        return VALUES[key]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 if value else 0.3
    raise AssertionError(f"{case}: {path}: give another value than {value!r} in VALUES")


def dump(case: str) -> dict[str, Any]:
    """Return the parameters of a case, with one epoch, which is enough but for snapshots."""
    config = factories.make_config(case).model_dump()
    training = config["training"]
    if "epochs" in training and "sample_every" not in training:
        training["epochs"] = 1
    return {"network": config["network"], "training": training}


def parameters() -> list[Any]:
    """Return each key of each case; keys that are not read by networks but once.

    These are seed and precision, which `session` reads, and the keys of optimizers, which all make
    alike. The learning rate is that which shows that a case uses its optimizers.
    """
    cases = []
    seen: set[str] = set()
    for case in DATA:
        for path, value in leaves(dump(case)):
            key = path.rsplit(".", 1)[-1]
            skipped = key in FIXED | ELSEWHERE or ABSENT.get((case, path), 0) is None
            if key in {"seed", "precision"} or ("optimizer." in path and key != "learning_rate"):
                skipped |= key in seen
                seen |= set() if skipped else {key}
            if not skipped:
                cases.append(
                    pytest.param(case, path, another(case, path, value), id=f"{case}-{path}")
                )
    return cases


def train(case: str, sections: dict[str, Any]) -> Trained:
    config = factories.make_config(case, **sections)
    module = importlib.import_module(f"stages.networks.{config.network.name}.train")
    pipeline = importlib.import_module(f"stages.pipelines.{config.training.input_pipeline}")
    precision = getattr(config.training, "precision", "float32")
    with session(config.training.seed, precision):
        trained: Trained = module.train(config, *DATA[case], pipeline.make_batches)
        return trained._replace(model=trained.model.get_weights())


@cache
def unchanged(case: str) -> Trained:
    return train(case, dump(case))


def with_value(case: str, path: str, value: Any) -> dict[str, Any]:
    sections = dump(case)
    *parents, last = path.split(".")
    section: Any = sections
    for part in parents:
        section = section[int(part) if isinstance(section, list) else part]
    section[last] = value
    return sections


def same_arrays(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(
        x.shape == y.shape and np.array_equal(x, y) for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize(("case", "path", "value"), parameters())
def test_a_changed_hyperparameter_changes_the_result(case: str, path: str, value: Any) -> None:
    before, after = unchanged(case), train(case, with_value(case, path, value))
    if path.rsplit(".", 1)[-1] in SNAPSHOTS_ALONE:
        assert same_arrays(before.model, after.model)
        assert not same_arrays(list(before.snapshots.values()), list(after.snapshots.values()))
    else:
        assert not same_arrays(before.model, after.model)


@pytest.mark.parametrize("case", DATA)
def test_nothing_changed_changes_nothing(case: str) -> None:
    before, after = unchanged(case), train(case, dump(case))
    assert same_arrays(before.model, after.model)
    assert same_arrays(list(before.snapshots.values()), list(after.snapshots.values()))
    assert before.history.equals(after.history)


def test_every_key_of_the_schema_is_in_a_case() -> None:
    from stages.config import schema

    covered = {path.rsplit(".", 1)[-1] for case in DATA for path, _ in leaves(dump(case))}
    covered |= {"shift", "flip"}  # of augmentation, see test_pipelines.py
    for model in schema.MODELS.values():
        for section in ("network", "training"):
            annotation: Any = model.model_fields[section].annotation
            for part in getattr(annotation, "__args__", [annotation]):
                if isinstance(part, type) and issubclass(part, schema.Section):
                    nested = {"generator", "discriminator", "conv_layers", "blocks", "augmentation"}
                    nested |= {"encoder", "decoder"}
                    keys = set(part.model_fields) - nested
                    optimizers = {key for key in keys if key.endswith("optimizer")}
                    assert keys - optimizers <= covered, f"{part.__name__}: {keys - covered}"
