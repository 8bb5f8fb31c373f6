"""Checks beyond the schema: references between sections, and sizes of layers."""

from collections.abc import Iterator
from itertools import pairwise

from stages.config import schema as s
from stages.core.errors import ConfigError
from stages.networks.block_cnn.geometry import block_sizes
from stages.networks.cnn.geometry import feature_map_sizes

SIDE = 28  # of MNIST and Fashion-MNIST, in pixels
MAX_PARAMETERS = 200_000_000  # of one layer; 800 MB, and three times as much in training
NO_EVALUATOR = "none"
IMAGES = {"idx_images"}
TABLES = {"congressional_votes", "mammographic_masses"}
CLASSES_OF_POINTS = {"circle", "xor", "spiral"}
POINTS = CLASSES_OF_POINTS | {"ring", "line"}
READABLE = {  # network: dataset modules or synthetic shapes that it can read
    "mlp": IMAGES,
    "cnn": IMAGES,
    "block_cnn": IMAGES,
    "raw_tensorflow": IMAGES,
    "tabular_mlp": TABLES,
    "text_rnn": {"imdb"},
    "char_rnn": {"text_file"},
    "vae": IMAGES,
    "dcgan": IMAGES | {"image_folder"},
    "mlp GAN": POINTS,
    "toy_mlp": CLASSES_OF_POINTS,
    "fourier_mlp": {"single_image"},
}
CLASSIFIER = {"test.accuracy", "test.loss", "test.f1_macro"}
BINARY = {"test.roc_auc", "test.false_positive_rate", "test.false_negative_rate"}
CROSS_VALIDATED = {"cv.accuracy", "cv.accuracy_std", "cv.roc_auc"}
METRICS = {  # allowed as report.metric, by task
    "classification": CLASSIFIER | BINARY,
    "toy_classification": CLASSIFIER | BINARY,
    "autoencoding": {
        "test.total_loss",
        "test.reconstruction_loss",
        "test.kl_loss",
        "test.elbo",
    },
    "image_generation": {
        "classes_covered",
        "class_kl",
        "frechet_distance",
        "sliced_wasserstein",
        "discriminator.accuracy",
    },
    "toy_generation": {"test.sliced_wasserstein", "test.coverage"},
    "language_modeling": {"test.loss", "test.bits_per_char"},
    "image_fitting": {"train.psnr", "test.psnr"},
}


def check_references(params: s.Params, source: str) -> None:
    """Check references between sections and sizes of layers.

    Args:
        params: Parameters that match the schema.
        source: Name of the file, for error messages.

    Raises:
        ConfigError: If any key is invalid; the message names all of them.
    """
    problems = [*dataset_problems(params), *model_problems(params), *fold_problems(params)]
    if problems:
        raise ConfigError(f"{source}: {'; '.join(problems)}")


def dataset_problems(params: s.Params) -> Iterator[str]:
    """Duplicate ids and class names, invalid split fractions and image shapes."""
    for name in params.datasets.keys() & params.synthetic.keys():
        yield f"synthetic.{name}: duplicate id, also in datasets"
    for name, dataset in params.datasets.items():
        preprocess = dataset.preprocess
        fractions = preprocess.validation_fraction + getattr(preprocess, "test_fraction", 0.0)
        if fractions > 0.9:
            yield (
                f"datasets.{name}.preprocess: test_fraction and validation_fraction together must "
                f"leave at least a tenth for training, found {fractions:g}"
            )
        classes = getattr(preprocess, "classes", [])
        if len(set(classes)) != len(classes):
            yield f"datasets.{name}.preprocess.classes: class names must be unique"
        shape = getattr(preprocess, "image_shape", None)
        if shape and shape[2] not in {1, 3}:
            key = f"datasets.{name}.preprocess.image_shape"
            yield f"{key}: expected 1 or 3 channels, found {shape[2]}"
        if shape and shape[0] * shape[1] > 1 << 20:
            yield f"datasets.{name}.preprocess.image_shape: expected at most a megapixel"


def model_problems(params: s.Params) -> Iterator[str]:
    """Invalid datasets, evaluators, metrics and sizes of layers."""
    formats: dict[str, str] = {name: dataset.module for name, dataset in params.datasets.items()}
    formats |= {name: points.shape for name, points in params.synthetic.items()}
    for name, model in params.models.items():
        key = f"models.{name}"
        if model.dataset not in formats:
            expected = ", ".join(formats)
            yield f"{key}.dataset: no dataset {model.dataset!r}, expected one of {expected}"
        else:
            yield from unreadable(key, model, formats)
        yield from evaluator_problems(key, model, params)
        metrics = METRICS[model.task] | (
            CROSS_VALIDATED if name in params.cross_validation else set()
        )
        if model.report.metric not in metrics:
            yield (
                f"{key}.report.metric: expected one of {', '.join(sorted(metrics))}, "
                f"found {model.report.metric!r}"
            )
        yield from size_problems(key, model)


def unreadable(key: str, model: s.AnyModel, formats: dict[str, str]) -> Iterator[str]:
    """Networks on data that they cannot read."""
    kind = str(model.network.name)
    if isinstance(model, s.GanModel):
        network = model.network
        kind = "dcgan" if network.generator.type == "dcgan" else "mlp GAN"
        if network.discriminator.type != network.generator.type:
            yield (
                f"{key}.network.discriminator.type: expected that of the generator, "
                f"{network.generator.type!r}, found {network.discriminator.type!r}"
            )
        task, pipeline = {
            "dcgan": ("image_generation", "images"),
            "mlp GAN": ("toy_generation", "arrays"),
        }[kind]
        if model.task != task:
            yield f"{key}.task: expected {task!r} for a {kind}, found {model.task!r}"
        if model.training.input_pipeline != pipeline:
            yield (
                f"{key}.training.input_pipeline: expected {pipeline!r} for a {kind}, "
                f"found {model.training.input_pipeline!r}"
            )
        if model.training.discriminator_optimizer.ema_momentum is not None:
            yield (
                f"{key}.training.discriminator_optimizer.ema_momentum: no effect, since only the "
                "generator is averaged; remove it"
            )
    if formats[model.dataset] not in READABLE[kind]:
        readable = [name for name, format_ in formats.items() if format_ in READABLE[kind]]
        yield (
            f"{key}.dataset: {kind} cannot read {model.dataset!r}, "
            f"expected one of {', '.join(readable)}"
        )


def evaluator_problems(key: str, model: s.AnyModel, params: s.Params) -> Iterator[str]:
    """Evaluators that are missing, not needed, or not classifiers of the same dataset."""
    key, evaluator = f"{key}.evaluation.evaluator", model.evaluation.evaluator
    if model.task not in {"autoencoding", "image_generation"}:
        if evaluator != NO_EVALUATOR:
            yield f"{key}: expected {NO_EVALUATOR!r} for {model.task}, found {evaluator!r}"
        return
    classifiers = [
        name
        for name, other in params.models.items()
        if other.task == "classification" and other.dataset == model.dataset
    ]
    optional = model.task == "image_generation"
    if evaluator not in classifiers and not (optional and evaluator == NO_EVALUATOR):
        expected = ", ".join([NO_EVALUATOR] * optional + classifiers)
        yield f"{key}: expected a classifier of {model.dataset}: {expected}; found {evaluator!r}"


def size_problems(key: str, model: s.AnyModel) -> Iterator[str]:
    """Convolutional layers with empty outputs, and layers with too many parameters."""
    network = model.network
    widths = [SIDE * SIDE]
    if isinstance(network, s.Cnn):
        sizes = feature_map_sizes(network.conv_layers, SIDE, SIDE)
        for number, (height, width) in enumerate(sizes):
            if min(height, width) < 1:
                yield (
                    f"{key}.network.conv_layers.{number}: the output of this layer would have "
                    f"size 0 for {SIDE}x{SIDE} images; use a smaller kernel_size, padding: same "
                    "or fewer max_pool"
                )
                return
        height, width = sizes[-1]
        channels = [1, *(layer.filters for layer in network.conv_layers)]
        for number, layer in enumerate(network.conv_layers):
            num_params = layer.kernel_size**2 * channels[number] * channels[number + 1]
            if num_params > MAX_PARAMETERS:
                yield too_large(f"{key}.network.conv_layers.{number}", num_params)
        widths = [height * width * channels[-1]]
    if isinstance(network, s.BlockCnn):
        for number, (height, width) in enumerate(block_sizes(network.blocks, SIDE, SIDE)):
            if min(height, width) < 1:
                yield (
                    f"{key}.network.blocks.{number}: the output of this block would have size 0 "
                    f"for {SIDE}x{SIDE} images; use fewer max_pool or strides: 2"
                )
                return
    hidden = getattr(network, "dense_units", None) or getattr(network, "hidden_units", None)
    if isinstance(hidden, int):
        hidden = [hidden]
    if isinstance(network, s.CharRnn | s.TextRnn):
        widths, hidden = [network.embedding_dim, 4 * network.units], [network.units]
    for inputs, units in pairwise([*widths, *(hidden or [])]):
        if inputs * units > MAX_PARAMETERS:
            yield too_large(f"{key}.network", inputs * units)


def too_large(key: str, num_params: int) -> str:
    """Error message for a layer that is too large."""
    return (
        f"{key}: a layer of {num_params:,} parameters, expected at most {MAX_PARAMETERS:,}; use "
        "fewer units"
    )


def fold_problems(params: s.Params) -> Iterator[str]:
    """Cross-validation settings that differ from those of their model."""
    for name, config in params.cross_validation.items():
        key, model = f"cross_validation.{name}", params.models.get(name)
        if model is None or model.task != "classification":
            yield f"{key}: expected the id of a model whose task is classification"
            continue
        for attribute, expected in (
            ("dataset", model.dataset),
            ("network", model.network.name),
            ("input_pipeline", model.training.input_pipeline),
        ):
            if getattr(config, attribute) != expected:
                yield (
                    f"{key}.{attribute}: expected that of models.{name}, {expected!r}, "
                    f"found {getattr(config, attribute)!r}"
                )
