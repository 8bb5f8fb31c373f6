"""Tiny configs and datasets shared by the tests.

Classes have different sizes and images encode their label, so that swapped, transposed or shifted
values are detected.
"""

from typing import Any

import numpy as np
from pydantic import TypeAdapter

from stages.config.schema import AnyModel
from stages.core.splits import Split

ADAM = {
    "name": "adam",
    "learning_rate": 0.01,
    "schedule": "constant",
    "beta_1": 0.9,
    "beta_2": 0.999,
}
SGD = {
    "name": "sgd",
    "learning_rate": 0.05,
    "schedule": "cosine",
    "momentum": 0.8,
    "nesterov": True,
}
RMSPROP = {
    "name": "rmsprop",
    "learning_rate": 0.002,
    "schedule": "one_cycle",
    "rho": 0.85,
    "momentum": 0.3,
}
REPORT = {
    "title": "Test",
    "metric": "test.loss",
    "unit": "",
    "direction": "minimize",
    "course": None,
    "course_source": "",
    "target": None,
}
BY_EPOCHS = {
    "seed": 1,
    "batch_size": 16,
    "precision": "float32",
    "epochs": 2,
    "optimizer": ADAM,
}
BY_STEPS = {
    "seed": 1,
    "batch_size": 16,
    "precision": "float32",
    "steps": 16,
    "optimizer": ADAM,
    "input_pipeline": "arrays",
}
ADVERSARIAL = {
    "seed": 1,
    "batch_size": 16,
    "precision": "float32",
    "generator_optimizer": ADAM | {"beta_1": 0.5, "ema_momentum": 0.9},
    "discriminator_optimizer": ADAM | {"beta_1": 0.4},
    "discriminator_steps": 1,
    "r1_weight": 1.0,
    "r1_interval": 2,
    "label_smoothing": 0.1,
}
MODELS: dict[str, dict[str, Any]] = {
    "mlp": {
        "task": "classification",
        "network": {"hidden_units": [8, 6], "activation": "relu", "dropout": 0.2},
        "training": BY_EPOCHS | {"input_pipeline": "images"},
    },
    "cnn": {
        "task": "classification",
        "network": {
            "conv_layers": [
                {
                    "filters": 3,
                    "kernel_size": 3,
                    "padding": "valid",
                    "max_pool": True,
                    "batch_norm": True,
                },
                {
                    "filters": 4,
                    "kernel_size": 2,
                    "padding": "same",
                    "max_pool": False,
                    "batch_norm": False,
                },
            ],
            "batch_norm_momentum": 0.7,
            "spatial_dropout": 0.1,
            "dense_units": [9],
            "activation": "relu",
            "dropout": 0.3,
        },
        "training": BY_EPOCHS | {"input_pipeline": "images"},
    },
    "block_cnn": {
        "task": "classification",
        "network": {
            "blocks": [
                {"type": "conv", "filters": 4, "kernel_size": 3, "max_pool": True},
                {"type": "residual", "filters": 5, "strides": 1},
                {
                    "type": "inception",
                    "filters_1x1": 2,
                    "reduce_3x3": 3,
                    "filters_3x3": 4,
                    "reduce_5x5": 2,
                    "filters_5x5": 3,
                    "filters_pool": 2,
                    "max_pool": False,
                },
            ],
            "batch_norm_momentum": 0.7,
            "activation": "relu",
            "dropout": 0.3,
            "average_flips": False,
        },
        "training": BY_EPOCHS | {"input_pipeline": "images"},
    },
    "tabular_mlp": {
        "task": "classification",
        "network": {"hidden_units": [5], "activation": "tanh", "dropout": 0.2, "l2": 0.01},
        "training": BY_EPOCHS | {"input_pipeline": "arrays"},
    },
    "text_rnn": {
        "task": "classification",
        "network": {
            "cell": "gru",
            "embedding_dim": 4,
            "units": 3,
            "word_dropout": 0.1,
            "spatial_dropout": 0.2,
            "dropout": 0.3,
        },
        "training": BY_EPOCHS | {"input_pipeline": "texts"},
    },
    "text_cnn": {
        "task": "classification",
        "network": {
            "embedding_dim": 4,
            "kernel_sizes": [2, 3],
            "filters": 3,
            "recurrent": None,
            "word_dropout": 0.1,
            "spatial_dropout": 0.2,
            "dropout": 0.3,
        },
        "training": BY_EPOCHS | {"input_pipeline": "texts"},
    },
    "text_cnn_rnn": {
        "task": "classification",
        "network": {
            "name": "text_cnn",
            "embedding_dim": 4,
            "kernel_sizes": [3],
            "filters": 5,
            "recurrent": {"max_pool": 2, "cell": "gru", "units": 3},
            "word_dropout": 0.1,
            "spatial_dropout": 0.2,
            "dropout": 0.3,
        },
        "training": BY_EPOCHS | {"input_pipeline": "texts"},
    },
    "ngrams": {
        "task": "classification",
        "network": {"max_words": 2, "min_count": 2, "smoothing": 1.0, "initial_weight": 1.0},
        "training": BY_EPOCHS | {"input_pipeline": "texts"},
    },
    "word2vec": {
        "task": "word_vectors",
        "network": {"embedding_dim": 4},
        "training": BY_EPOCHS
        | {
            "input_pipeline": "skip_grams",
            "window": 2,
            "subsampling": 0.1,
            "negatives": 3,
            "shared_negatives": 5,
        },
        "evaluation": {"evaluator": "none", "seed": 3},
    },
    "raw_tensorflow": {
        "task": "classification",
        "network": {"hidden_units": [7], "initial_gain": 4.0},
        "training": {
            "seed": 1,
            "batch_size": 16,
            "input_pipeline": "arrays",
            "steps": 9,
            "learning_rate": 0.5,
            "schedule": "triangular",
        },
    },
    "vae": {
        "task": "autoencoding",
        "network": {
            "latent_dim": 2,
            "encoder_filters": [3, 4],
            "encoder_units": [6],
            "encoder_dropout": 0.1,
            "decoder_units": [7],
            "decoder_filters": [4, 3],
            "activation": "silu",
            "batch_norm_momentum": 0.7,
        },
        "training": BY_EPOCHS | {"input_pipeline": "images", "kl_weight": 3.0},
        "evaluation": {"evaluator": "classifier", "seed": 3},
    },
    "cvae": {
        "task": "conditional_generation",
        "network": {
            "latent_dim": 2,
            "encoder_filters": [3, 4],
            "encoder_units": [6],
            "decoder_units": [7],
            "decoder_filters": [4, 3],
            "activation": "silu",
            "batch_norm_momentum": 0.7,
        },
        "training": BY_EPOCHS
        | {
            "input_pipeline": "images",
            "kl_weight": 3.0,
            "classifier_epochs": 2,
            "classifier_weight": 5.0,
        },
        "evaluation": {"evaluator": "classifier", "seed": 3},
    },
    "autoencoder": {
        "task": "reconstruction",
        "network": {
            "latent_dim": 3,
            "encoder_filters": [4, 5],
            "decoder_filters": [6, 3],
            "batch_norm_momentum": 0.7,
        },
        "training": BY_EPOCHS | {"input_pipeline": "images"},
        "evaluation": {"evaluator": "none", "seed": 3},
    },
    "denoising": {
        "task": "restoration",
        "network": {
            "name": "autoencoder",
            "latent_dim": None,
            "encoder_filters": [4, 5],
            "decoder_filters": [6, 3],
            "batch_norm_momentum": 0.7,
        },
        "training": BY_EPOCHS
        | {"input_pipeline": "images", "corruption": {"type": "noise", "stddev": 0.2}},
        "evaluation": {"evaluator": "none", "seed": 3},
    },
    "draw": {
        "task": "drawing",
        "network": {
            "glimpses": 3,
            "units": 6,
            "latent_dim": 2,
            "read_size": 3,
            "write_size": 2,
        },
        "training": BY_EPOCHS | {"input_pipeline": "images"},
        "evaluation": {"evaluator": "none", "seed": 3},
    },
    "gan": {
        "task": "image_generation",
        "network": {
            "latent_dim": 6,
            "generator": {"type": "dcgan", "filters": [8, 4], "batch_norm_momentum": 0.7},
            "discriminator": {"type": "dcgan", "filters": [4, 5]},
        },
        "training": ADVERSARIAL | {"input_pipeline": "images", "epochs": 2},
        "evaluation": {"evaluator": "none", "seed": 3},
    },
    "point_gan": {
        "task": "toy_generation",
        "network": {
            "name": "gan",
            "latent_dim": 3,
            "generator": {"type": "mlp", "hidden_units": [6, 5], "activation": "leaky_relu"},
            "discriminator": {"type": "mlp", "hidden_units": [7], "activation": "tanh"},
        },
        "training": ADVERSARIAL | {"input_pipeline": "arrays", "steps": 16},
        "evaluation": {"evaluator": "none", "seed": 3},
    },
    "char_rnn": {
        "task": "language_modeling",
        "network": {
            "cell": "gru",
            "layers": 2,
            "units": 5,
            "embedding_dim": 4,
            "spatial_dropout": 0.1,
            "dropout": 0.2,
            "weight_dropout": 0.1,
        },
        "training": BY_EPOCHS
        | {
            "input_pipeline": "characters",
            "batch_size": 3,
            "sequence_length": 10,
            "sample_temperatures": [0.5, 1.0],
            "sample_length": 12,
            "sample_every": 1,
        },
        "evaluation": {"evaluator": "none", "seed": 3},
    },
    "text_seq2seq": {
        "task": "translation",
        "network": {
            "name": "seq2seq",
            "encoder": {"type": "text", "embedding_dim": 4, "units": 5},
            "decoder": {
                "embedding_dim": 3,
                "units": 6,
                "attention": "additive",
                "dropout": 0.1,
            },
        },
        "training": BY_EPOCHS | {"input_pipeline": "texts"},
    },
    "image_seq2seq": {
        "task": "captioning",
        "network": {
            "name": "seq2seq",
            "encoder": {
                "type": "image",
                "filters": [3, 4],
                "batch_norm_momentum": 0.7,
                "dropout": 0.1,
                "units": 5,
            },
            "decoder": {"embedding_dim": 3, "units": 6, "attention": "dot", "dropout": 0.1},
        },
        "training": BY_EPOCHS | {"input_pipeline": "images"},
    },
    "tcn": {
        "task": "forecasting",
        "network": {
            "filters": 4,
            "kernel_size": 2,
            "blocks": 3,
            "dense_units": [5],
            "dropout": 0.1,
        },
        "training": BY_EPOCHS | {"input_pipeline": "arrays"},
    },
    "toy_mlp": {
        "task": "toy_classification",
        "network": {"hidden_units": [3, 2], "activation": "tanh"},
        "training": BY_STEPS,
    },
    "fourier_mlp": {
        "task": "image_fitting",
        "network": {"num_frequencies": 5, "sigma": 3.0, "hidden_units": [6]},
        "training": BY_STEPS,
    },
}  # by network.name; others name it: point_gan is the GAN of points


def make_config(network: str, /, **overrides: Any) -> Any:
    """Build the validated config of a tiny model.

    Args:
        network: Key of MODELS.
        overrides: Sections or values, merged key by key into those of MODELS.
    """
    values = {
        "dataset": "tiny",
        "report": REPORT,
        "evaluation": {"evaluator": "none"},
        **MODELS[network],
    }
    values["network"] = {"name": network} | values["network"]
    return TypeAdapter(AnyModel).validate_python(merge(values, overrides))


def merge(values: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Merge `overrides` into a copy of `values`, recursively."""
    merged = dict(values)
    for key, value in overrides.items():
        nested = isinstance(value, dict) and isinstance(values.get(key), dict)
        merged[key] = merge(values[key], value) if nested else value
    return merged


def make_images(
    counts: tuple[int, ...] = (12, 20, 9),
    shape: tuple[int, ...] = (8, 8),
    seed: int = 0,
) -> Split:
    """Make noisy images uint8 whose row 2 * label + 1 is bright, `counts` images per class."""
    random = np.random.default_rng(seed)
    y = random.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.uint8)
    x = random.integers(0, 100, (len(y), *shape)).astype(np.uint8)
    x[np.arange(len(y)), 2 * y + 1] += 150
    return Split(x, y)


def make_table(num_examples: int = 40, seed: int = 0) -> Split:
    """Make examples of COLUMNS with missing values; class 1 is rarer and older."""
    random = np.random.default_rng(seed)
    y = (random.random(num_examples) < 0.3).astype(np.uint8)
    y[:2] = [0, 1]
    x = np.stack(
        [
            random.normal(40 + 20 * y, 8),
            random.integers(1, 5, num_examples),
            random.integers(-1, 2, num_examples),
        ],
        axis=1,
    ).astype(np.float32)
    x[random.random(num_examples) < 0.1, 0] = np.nan
    x[random.random(num_examples) < 0.1, 1] = np.nan
    return Split(x, y)


def make_texts(num_texts: int = 40, length: int = 12, seed: int = 0) -> Split:
    """Make token ids uint16 of different lengths, padded at the end; those of class 1 have a 2."""
    random = np.random.default_rng(seed)
    y = (random.random(num_texts) < 0.3).astype(np.uint8)
    y[:2] = [0, 1]
    x = random.integers(3, len(VOCABULARY), (num_texts, length)).astype(np.uint16)
    x[y == 1, 0] = 2
    x[np.arange(length) >= random.integers(2, length + 1, (num_texts, 1))] = 0
    return Split(x, y)


def make_sequences(num_examples: int = 40, seed: int = 0) -> Split:
    """Make texts of 2 to 7 of the characters 1 to 5, to be written backwards as tokens 3 to 7."""
    random = np.random.default_rng(seed)
    x, y = np.zeros((num_examples, 7), np.uint8), np.zeros((num_examples, 8), np.uint8)
    for characters, tokens in zip(x, y, strict=True):
        length = random.integers(2, 8)
        characters[:length] = random.integers(1, 6, length)
        tokens[:length] = characters[:length][::-1] + 2
        tokens[length] = 2
    return Split(x, y)


def make_captioned(num_examples: int = 40, seed: int = 0) -> Split:
    """Make images uint8 [n, 8, 12] of 1 to 3 columns, each bright or not, with a token for each."""
    random = np.random.default_rng(seed)
    x, y = np.zeros((num_examples, 8, 12), np.uint8), np.zeros((num_examples, 4), np.uint8)
    for image, tokens in zip(x, y, strict=True):
        length = random.integers(1, 4)
        bright = random.integers(0, 2, length)
        for place, value in enumerate(bright):
            image[:, 4 * place + 1] = 80 + 170 * value
        tokens[:length] = 3 + bright
        tokens[length] = 2
    return Split(x, y)


def make_waves(num_windows: int = 60, seed: int = 0) -> Split:
    """Make windows of a noisy sine with a period of 6 steps: 12 past values, and the next 4."""
    random = np.random.default_rng(seed)
    series = 50 + 10 * np.sin(np.arange(num_windows + 15) * np.pi / 3)
    series += random.normal(0, 0.5, len(series))
    windows = np.lib.stride_tricks.sliding_window_view(series.astype(np.float32), 16)
    return Split(windows[:, :12].copy(), windows[:, 12:].copy())


COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "encoding": "standardize"},
    {"name": "shape", "encoding": "one_hot", "num_codes": 4},
    {"name": "vote", "encoding": "identity", "codes": {"n": -1, "y": 1, "?": 0}},
]
VOCABULARY = ["[padding]", "[unknown]", *"abcdefghij"]
INFOS: dict[str, dict[str, Any]] = {
    "images": {
        "classes": ["shirt", "shoe", "bag"],
        "positive_class": None,
        "input": {"type": "image", "shape": [8, 8]},
    },
    "table": {
        "classes": ["benign", "malignant"],
        "positive_class": "malignant",
        "input": {"type": "table", "columns": COLUMNS},
    },
    "sequences": {
        "classes": ["[padding]", "[start]", "[end]", *"abcde"],
        "input": {"type": "character_sequence", "vocabulary": ["[padding]", *"abcde"]},
    },
    "captioned": {
        "classes": ["[padding]", "[start]", "[end]", "dark", "bright"],
        "input": {"type": "image", "shape": [8, 12]},
    },
    "waves": {
        "classes": [],
        "input": {
            "type": "time_series",
            "length": 12,
            "interval": 2.0,
            "time_unit": "s",
            "unit": "V",
            "mean": 50.0,
            "std": 7.0,
        },
    },
    "texts": {
        "classes": ["negative", "positive"],
        "positive_class": "positive",
        "input": {"type": "text", "vocabulary": VOCABULARY, "max_length": 12, "keep": "end"},
    },
}
