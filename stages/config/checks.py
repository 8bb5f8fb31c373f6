"""Checks beyond the schema: references between sections, and sizes of layers."""

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from stages.config import schema as s
from stages.core.errors import ConfigError
from stages.networks.block_cnn.geometry import block_sizes
from stages.networks.cnn.geometry import feature_map_sizes
from stages.studies.variants import DATA_KEYS, Overrides, expand, override

SIDE = 28  # of MNIST and Fashion-MNIST, in pixels
MAX_PARAMETERS = 200_000_000  # of one layer; 800 MB, and three times as much in training
NO_EVALUATOR = "none"
DISTORTIONS: dict[
    s.Distortion, tuple[float, float, float]
] = {  # smallest, neutral and largest amount
    "shift": (0, 0, SIDE - 1),
    "rotation": (0, 0, 180),
    "scale": (0.1, 1, 10),
    "noise": (0, 0, 10),
    "perturbation": (0, 0, 1),
}
IMAGES = {"idx_images"}
TABLES = {"congressional_votes", "mammographic_masses"}
GENERATED = {"dates", "digit_rows"}  # datasets that are sections of their own
CLASSES_OF_POINTS = {"circle", "xor", "spiral"}
POINTS = CLASSES_OF_POINTS | {"ring", "line", "clusters"}
READABLE = {  # network: dataset modules or synthetic shapes that it can read
    "mlp": IMAGES,
    "cnn": IMAGES,
    "block_cnn": IMAGES,
    "raw_tensorflow": IMAGES,
    "tabular_mlp": TABLES,
    "text_rnn": {"imdb"},
    "text_cnn": {"imdb"},
    "ngrams": {"imdb"},
    "word2vec": {"imdb"},
    "char_rnn": {"text_file"},
    "vae": IMAGES,
    "cvae": IMAGES,
    "autoencoder": IMAGES | {"image_folder"},
    "draw": IMAGES,
    "dcgan": IMAGES | {"image_folder"},
    "mlp GAN": POINTS,
    "text seq2seq": {"dates"},
    "image seq2seq": {"digit_rows"},
    "tcn": {"time_series"},
    "toy_mlp": CLASSES_OF_POINTS,
    "fourier_mlp": {"single_image"},
}
COMPETITORS = {"images": IMAGES, "texts": {"imdb"}, "tables": TABLES}  # modules of baselines
MASSES = "mammographic_masses"
CLASSIFIER = {"test.accuracy", "test.loss", "test.f1_macro"}
BINARY = {"test.roc_auc", "test.false_positive_rate", "test.false_negative_rate"}
CROSS_VALIDATED = {"cv.accuracy", "cv.accuracy_std", "cv.roc_auc"}
VARIATIONAL = {"test.total_loss", "test.reconstruction_loss", "test.kl_loss", "test.elbo"}
METRICS = {  # allowed as report.metric, by task
    "classification": CLASSIFIER | BINARY,
    "toy_classification": CLASSIFIER | BINARY,
    "autoencoding": VARIATIONAL,
    "drawing": VARIATIONAL,
    "conditional_generation": {
        "samples.accuracy",
        "samples.worst_accuracy",
        "frechet_distance",
        "test.total_loss",
        "test.reconstruction_loss",
        "test.kl_loss",
        "test.elbo",
    },
    "reconstruction": {
        "test.psnr",
        "latent.precision_at_10",
        "latent.neighbor_accuracy",
        "latent.cluster_accuracy",
    },
    "restoration": {"test.psnr"},
    "image_generation": {
        "classes_covered",
        "class_kl",
        "frechet_distance",
        "sliced_wasserstein",
        "discriminator.accuracy",
    },
    "toy_generation": {"test.sliced_wasserstein", "test.coverage"},
    "language_modeling": {"test.loss", "test.bits_per_char"},
    "translation": {"test.exact_match_accuracy", "test.character_accuracy"},
    "captioning": {"test.exact_match_accuracy", "test.word_accuracy"},
    "forecasting": {"test.mae", "test.skill_score", "test.skill_score_linear"},
    "image_fitting": {"train.psnr", "test.psnr"},
    "word_vectors": {"test.accuracy", "test.loss", "analogies.accuracy"},
}


def check_references(params: s.Params, source: str) -> None:
    """Check references between sections and sizes of layers.

    Args:
        params: Parameters that match the schema.
        source: Name of the file, for error messages.

    Raises:
        ConfigError: If any key is invalid; the message names all of them.
    """
    problems = [
        *dataset_problems(params),
        *model_problems(params),
        *fold_problems(params),
        *study_problems(params),
        *calibration_problems(params),
        *anomaly_problems(params),
        *exploration_problems(params),
        *transfer_problems(params),
        *export_problems(params),
        *photo_problems(params.photos),
        *baseline_problems(params),
        *robustness_problems(params),
        *memory_problems(params.analyses.memory),
        *drawing_problems(params),
        *explanation_problems(params),
    ]
    if problems:
        raise ConfigError(f"{source}: {'; '.join(problems)}")


def dataset_problems(params: s.Params) -> Iterator[str]:
    """Duplicate ids and class names, invalid split fractions and image shapes."""
    for name in params.datasets.keys() & params.synthetic.keys():
        yield f"synthetic.{name}: duplicate id, also in datasets"
    for name in GENERATED & (params.datasets.keys() | params.synthetic.keys()):
        yield f"{name}: duplicate id, also in datasets or synthetic"
    for name, dataset in params.datasets.items():
        preprocess = dataset.preprocess
        fractions = preprocess.validation_fraction + getattr(preprocess, "test_fraction", 0.0)
        if fractions > 0.9:
            yield (
                f"datasets.{name}.preprocess: test_fraction and validation_fraction together must "
                f"leave at least a tenth for training, found {fractions:g}"
            )
        if isinstance(preprocess, s.TimeSeriesPreprocess):
            first, last = preprocess.first, preprocess.last
            if last is not None and last <= first:
                key = f"datasets.{name}.preprocess.last"
                yield f"{key}: expected more than first, {first}, found {last}"
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
    formats = list_formats(params)
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
        if isinstance(model, s.AutoencoderModel):
            yield from autoencoder_problems(key, model, formats.get(model.dataset, ""))
        yield from size_problems(key, model)


def list_formats(params: s.Params) -> dict[str, str]:
    """Return the format of each dataset: its module, or the shape of synthetic points."""
    formats: dict[str, str] = {name: dataset.module for name, dataset in params.datasets.items()}
    formats |= {name: points.shape for name, points in params.synthetic.items()}
    return formats | {name: name for name in GENERATED}


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
        yield from unexpected(key, model, kind, task, pipeline)
        if model.training.discriminator_optimizer.ema_momentum is not None:
            yield (
                f"{key}.training.discriminator_optimizer.ema_momentum: no effect, since only the "
                "generator is averaged; remove it"
            )
    if isinstance(model, s.Seq2SeqModel):
        encoder = model.network.encoder.type
        kind = f"{encoder} seq2seq"
        task, pipeline = {"text": ("translation", "texts"), "image": ("captioning", "images")}[
            encoder
        ]
        yield from unexpected(key, model, kind, task, pipeline)
    if formats[model.dataset] not in READABLE[kind]:
        readable = [name for name, format_ in formats.items() if format_ in READABLE[kind]]
        yield (
            f"{key}.dataset: {kind} cannot read {model.dataset!r}, "
            f"expected one of {', '.join(readable)}"
        )


def unexpected(
    key: str, model: s.GanModel | s.Seq2SeqModel, kind: str, task: str, pipeline: str
) -> Iterator[str]:
    """A task or an input pipeline that is not that of the kind of network."""
    if model.task != task:
        yield f"{key}.task: expected {task!r} for a {kind}, found {model.task!r}"
    if model.training.input_pipeline != pipeline:
        yield (
            f"{key}.training.input_pipeline: expected {pipeline!r} for a {kind}, "
            f"found {model.training.input_pipeline!r}"
        )


def evaluator_problems(key: str, model: s.AnyModel, params: s.Params) -> Iterator[str]:
    """Evaluators that are missing, not needed, or not classifiers of the same dataset."""
    key, evaluator = f"{key}.evaluation.evaluator", model.evaluation.evaluator
    if model.task not in {"autoencoding", "conditional_generation", "image_generation"}:
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


def autoencoder_problems(key: str, model: s.AutoencoderModel, format_: str) -> Iterator[str]:
    """Autoencoders that do not fit their task, or whose decoder does not fit the encoder."""
    network, corruption = model.network, model.training.corruption
    task = "restoration" if corruption else "reconstruction"
    if model.task != task:
        with_ = "with" if corruption else "without"
        yield f"{key}.task: expected {task!r} {with_} training.corruption, found {model.task!r}"
    if not corruption and network.latent_dim is None:
        yield (
            f"{key}.network.latent_dim: expected a number, since a network without bottleneck and "
            "training.corruption would only copy its input"
        )
    if not corruption and format_ not in IMAGES:
        yield f"{key}.dataset: expected images with classes, to compare neighbors and clusters"
    if isinstance(corruption, s.Grayscale) and format_ in IMAGES:
        yield f"{key}.training.corruption.type: grayscale: the images have no colors to restore"
    if len(network.decoder_filters) != len(network.encoder_filters):
        yield (
            f"{key}.network.decoder_filters: expected {len(network.encoder_filters)} numbers, as "
            f"many as in encoder_filters, found {len(network.decoder_filters)}"
        )


def size_problems(key: str, model: s.AnyModel) -> Iterator[str]:
    """Convolutional layers with empty outputs, and layers with too many parameters."""
    network = model.network
    if isinstance(network, s.TextCnn):
        yield from text_cnn_size_problems(key, network)
        return
    empty = next(empty_layers(network), None)
    if empty is not None:
        layer, advice = empty
        yield (
            f"{key}.network.{layer}: its output would have size 0 for {SIDE}x{SIDE} images; "
            f"use {advice}"
        )
        return
    if isinstance(network, s.Cnn):
        channels = [1, *(layer.filters for layer in network.conv_layers)]
        for number, conv in enumerate(network.conv_layers):
            num_params = conv.kernel_size**2 * channels[number] * channels[number + 1]
            if num_params > MAX_PARAMETERS:
                yield too_large(f"{key}.network.conv_layers.{number}", num_params)
    widths = layer_widths(network)
    for inputs, units in pairwise(widths):
        if inputs * units > MAX_PARAMETERS:
            yield too_large(f"{key}.network", inputs * units)


def empty_layers(network: Any) -> Iterator[tuple[str, str]]:
    """Yield the keys of convolutional layers or blocks with an empty output, and what to use."""
    if isinstance(network, s.Cnn):
        for number, size in enumerate(feature_map_sizes(network.conv_layers, SIDE, SIDE)):
            if min(size) < 1:
                advice = "a smaller kernel_size, padding: same or fewer max_pool"
                yield f"conv_layers.{number}", advice
    if isinstance(network, s.BlockCnn):
        for number, size in enumerate(block_sizes(network.blocks, SIDE, SIDE)):
            if min(size) < 1:
                yield f"blocks.{number}", "fewer max_pool or strides: 2"


def layer_widths(network: Any) -> list[int]:
    """Return the number of inputs of the first large dense or recurrent layer, and those after."""
    match network:
        case s.CharRnn() | s.TextRnn():
            return [network.embedding_dim, 4 * network.units, network.units]
        case s.Seq2Seq():
            encoder, decoder = network.encoder.units, network.decoder.units
            return [3 * encoder, 2 * encoder, 3 * decoder, decoder]
        case s.Tcn():
            return [network.filters * network.kernel_size, network.filters, *network.dense_units]
        case s.Cnn():
            height, width = feature_map_sizes(network.conv_layers, SIDE, SIDE)[-1]
            first = height * width * network.conv_layers[-1].filters
        case _:
            first = SIDE * SIDE
    hidden = getattr(network, "dense_units", None) or getattr(network, "hidden_units", None)
    return [first, *(hidden or [])]


def text_cnn_size_problems(key: str, network: s.TextCnn) -> Iterator[str]:
    """Convolutional and recurrent layers of a text_cnn with too many parameters."""
    num_params = max(network.kernel_sizes) * network.embedding_dim * network.filters
    if num_params > MAX_PARAMETERS:
        yield too_large(f"{key}.network.filters", num_params)
    if network.recurrent is not None:
        units, inputs = network.recurrent.units, len(network.kernel_sizes) * network.filters
        num_params = 4 * units * (inputs + units)
        if num_params > MAX_PARAMETERS:
            yield too_large(f"{key}.network.recurrent.units", num_params)


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
        yield from copy_problems(key, config, name, model)


def copy_problems(
    key: str, config: s.CrossValidation | s.Study, name: str, model: s.AnyModel
) -> Iterator[str]:
    """Settings that dvc.yaml needs in this section and that differ from those of the model."""
    expected: dict[str, str] = {
        "network": model.network.name,
        "input_pipeline": model.training.input_pipeline,
    }
    if isinstance(config, s.CrossValidation):
        expected["dataset"] = model.dataset
    for attribute, value in expected.items():
        if getattr(config, attribute) != value:
            yield (
                f"{key}.{attribute}: expected that of models.{name}, {value!r}, "
                f"found {getattr(config, attribute)!r}"
            )


def study_problems(params: s.Params) -> Iterator[str]:
    """Studies of a model or dataset that does not exist, and variants that are not valid models."""
    formats = list_formats(params)
    for name in dict(params.analyses).keys() & params.studies.keys():
        yield f"studies.{name}: duplicate id, also in analyses"
    for name, study in params.studies.items():
        key, model = f"studies.{name}", params.models.get(study.model)
        if model is None:
            expected = ", ".join(params.models)
            yield f"{key}.model: no model {study.model!r}, expected one of {expected}"
            continue
        if study.dataset not in formats:
            expected = ", ".join(formats)
            yield f"{key}.dataset: no dataset {study.dataset!r}, expected one of {expected}"
            continue
        yield from copy_problems(key, study, study.model, model)
        yield from unreadable(key, model.model_copy(update={"dataset": study.dataset}), formats)
        if (study.chart == "snapshots") != (study.snapshot is not None):
            yield f"{key}.snapshot: expected a name with chart: snapshots, and only with it"
        variants = expand(study.grid, study.variants)
        if not variants:
            yield f"{key}: expected at least one variant in `grid` or `variants`"
        if study.reference is not None and study.reference not in variants:
            expected = ", ".join(variants)
            yield f"{key}.reference: expected one of {expected}; found {study.reference!r}"
        for variant, overrides in variants.items():
            yield from variant_problems(f"{key}, variant {variant!r}", model, study, overrides)


def variant_problems(
    key: str, model: s.AnyModel, study: s.Study, overrides: Overrides
) -> Iterator[str]:
    """Values of a variant that are not valid, or that the study sets itself."""
    values = {**study.settings, **overrides}
    for name in sorted(DATA_KEYS & values.keys()):
        if not isinstance(number := values.pop(name), int) or number < 1:
            yield f"{key}: {name}: expected an integer of at least 1, found {number!r}"
    try:
        section = override(model.model_dump(), values)
        changed = type(model).model_validate(section)
    except KeyError as error:
        yield f"{key}: no key {error.args[0]} in models.{study.model}"
    except ValidationError as error:
        problem = error.errors()[0]
        location = ".".join(map(str, problem["loc"]))
        yield f"{key}: {location}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
    else:
        yield from size_problems(key, changed)  # type: ignore[arg-type]
        for attribute in ("dataset", "task"):
            if getattr(changed, attribute) != getattr(model, attribute):
                yield f"{key}: {attribute} cannot vary"
        if changed.training.seed != model.training.seed:  # type: ignore[attr-defined]
            yield f"{key}: training.seed is set by `seeds`"


def calibration_problems(params: s.Params) -> Iterator[str]:
    """Calibrations of models that are no classifiers, or of another dataset."""
    for name, config in params.calibration.items():
        key, model = f"calibration.{name}", params.models.get(name)
        if model is None or model.task != "classification":
            yield f"{key}: expected the id of a model whose task is classification"
        elif model.network.name == "ngrams":
            yield f"{key}: ngrams is trained on the validation split, which cannot calibrate it"
        else:
            yield from differing(f"{key}.dataset", config.dataset, name, model.dataset)


def differing(key: str, found: str, model: str, expected: str) -> Iterator[str]:
    """A value that differs from that of the model which its section is about."""
    if found != expected:
        yield f"{key}: expected that of models.{model}, {expected!r}, found {found!r}"


def anomaly_problems(params: s.Params) -> Iterator[str]:
    """Anomaly detection by models that do not reconstruct, or among images of another kind."""
    for name, config in params.anomaly_detection.items():
        key, model = f"anomaly_detection.{name}", params.models.get(name)
        if model is None or model.task != "reconstruction":
            yield f"{key}: expected the id of a model whose task is reconstruction"
            continue
        yield from differing(f"{key}.dataset", config.dataset, name, model.dataset)
        others = [
            other
            for other, dataset in params.datasets.items()
            if dataset.module in IMAGES and other != model.dataset
        ]
        if config.anomalies not in others:
            expected = ", ".join(others)
            yield f"{key}.anomalies: expected one of {expected}, found {config.anomalies!r}"


def transfer_problems(params: s.Params) -> Iterator[str]:
    """Transfer from models without convolutional features, or to images of another kind."""
    for name, config in params.transfer.items():
        key, source = f"transfer.{name}", params.models.get(config.source)
        if not isinstance(source, s.CnnModel):
            networks = [other for other, m in params.models.items() if isinstance(m, s.CnnModel)]
            yield f"{key}.source: expected one of {', '.join(networks)}, found {config.source!r}"
        datasets = [other for other, each in params.datasets.items() if each.module in IMAGES]
        if config.dataset not in datasets:
            yield f"{key}.dataset: expected one of {', '.join(datasets)}, found {config.dataset!r}"
        if config.labels_per_class != sorted(set(config.labels_per_class)):
            yield f"{key}.labels_per_class: expected ascending numbers"
        if name in params.studies or name in dict(params.analyses):
            yield f"{key}: duplicate id, also a study or analysis"


def export_problems(params: s.Params) -> Iterator[str]:
    """Exported models that are no classifiers, and texts in 8 bits."""
    for name, config in params.export.models.items():
        key, model = f"export.models.{name}", params.models.get(name)
        if model is None or model.task != "classification":
            yield f"{key}: expected the id of a model whose task is classification"
            continue
        yield from differing(f"{key}.dataset", config.dataset, name, model.dataset)
        if "int8" in config.formats and list_formats(params).get(model.dataset) == "imdb":
            yield f"{key}: texts have any length, and integers of 8 bits need a fixed shape"
        if len(set(config.formats)) != len(config.formats):
            yield f"{key}: formats must be unique"


def photo_problems(config: s.Photos) -> Iterator[str]:
    """A network without weights."""
    if config.network not in config.weights:
        expected = ", ".join(config.weights)
        yield f"photos.network: expected one of {expected}, found {config.network!r}"


def exploration_problems(params: s.Params) -> Iterator[str]:
    """Explorations of other models than GANs of grayscale images, or unlike their model."""
    for name, config in params.exploration.items():
        key, model = f"exploration.{name}", params.models.get(name)
        dataset = None if model is None else params.datasets.get(model.dataset)
        if model is None or model.task != "image_generation" or dataset is None:
            yield f"{key}: expected the id of a model whose task is image_generation"
            continue
        if dataset.module not in IMAGES:
            yield f"{key}.dataset: expected grayscale images, found {config.dataset!r}"
        for attribute, expected in (
            ("dataset", model.dataset),
            ("evaluator", model.evaluation.evaluator),
        ):
            yield from differing(f"{key}.{attribute}", getattr(config, attribute), name, expected)
        if config.evaluator == NO_EVALUATOR:
            yield f"{key}.evaluator: expected a classifier of {config.dataset}, found 'none'"


def baseline_problems(params: s.Params) -> Iterator[str]:
    """Classical methods on data that they cannot read, or without folds."""
    for name, config in params.baselines.items():
        key, dataset = f"baselines.{name}", params.datasets.get(name)
        modules = COMPETITORS[config.module]
        if dataset is None or dataset.module not in modules:
            readable = [each for each, data in params.datasets.items() if data.module in modules]
            yield f"{key}: {config.module} cannot be read from it, expected {' or '.join(readable)}"
            continue
        if not isinstance(config, s.TableBaselines):
            continue
        models = [model for model, cv in params.cross_validation.items() if cv.dataset == name]
        if config.model not in models:
            yield (
                f"{key}.model: expected a cross-validated model of {name}: {', '.join(models)}; "
                f"found {config.model!r}"
            )
        if dataset.module != MASSES:
            yield from masses_only(key, config)
        elif any(method.bi_rads for method in config.methods.values()):
            source = f"data/raw/{name}"
            if dataset.source != source:
                yield (
                    f"{key}.methods: bi_rads is read from {source}, and datasets.{name}.source is "
                    f"{dataset.source!r}; remove bi_rads"
                )
        limits = config.age_limits or []
        if limits != sorted(set(limits)):
            yield f"{key}.age_limits: expected ascending ages, found {limits}"


def masses_only(key: str, config: s.TableBaselines) -> Iterator[str]:
    """Settings that need a column of the masses."""
    if config.age_limits is not None:
        yield f"{key}.age_limits: no column of ages; remove it"
    for name, method in config.methods.items():
        if method.bi_rads is not None:
            yield f"{key}.methods.{name}.bi_rads: no column of BI-RADS; remove it"


def robustness_problems(params: s.Params) -> Iterator[str]:
    """Models of other data, models without augmentation to remove, and invalid amounts."""
    key, config = "analyses.robustness", params.analyses.robustness
    dataset = params.datasets.get(config.dataset)
    if not isinstance(dataset, s.IdxImages):
        expected = [name for name, each in params.datasets.items() if isinstance(each, s.IdxImages)]
        yield f"{key}.dataset: expected one of {', '.join(expected)}, found {config.dataset!r}"
        return
    models = [
        name
        for name, model in params.models.items()
        if isinstance(model, s.MlpModel | s.CnnModel) and model.dataset == config.dataset
    ]
    for name in config.models:
        if name not in models:
            yield f"{key}.models: expected some of {', '.join(models)}; found {name!r}"
    for name in config.centered.models:
        if name not in config.models:
            yield f"{key}.centered.models: expected some of `models`, found {name!r}"
    for kind, (least, neutral, most) in DISTORTIONS.items():
        yield from amount_problems(key, config, kind, (least, neutral, most))
    if any(shift % 1 for shift in config.amounts.get("shift", [])):
        yield f"{key}.amounts.shift: expected whole pixels"


def amount_problems(
    key: str, config: s.Robustness, kind: s.Distortion, limits: tuple[float, float, float]
) -> Iterator[str]:
    """Amounts of a distortion that are missing, not ascending or out of limits."""
    least, neutral, most = limits
    amounts, compared = config.amounts.get(kind, []), config.compared.get(kind)
    if amounts != sorted(set(amounts)) or neutral not in amounts:
        yield f"{key}.amounts.{kind}: expected ascending numbers, one of them {neutral}"
    elif not least <= amounts[0] <= amounts[-1] <= most:
        yield f"{key}.amounts.{kind}: expected {least} to {most}"
    elif compared not in amounts or compared == neutral:
        yield (
            f"{key}.compared.{kind}: expected one of `amounts` other than {neutral}, "
            f"found {compared}"
        )


def memory_problems(config: s.Memory) -> Iterator[str]:
    """Distances that are not ascending from 0, and a compared one that is not among them."""
    key = "analyses.memory"
    if config.distances != sorted(set(config.distances)) or config.distances[0] != 0:
        yield f"{key}.distances: expected ascending numbers from 0"
    if config.compared not in config.distances:
        yield f"{key}.compared: expected one of `distances`, found {config.compared}"


def drawing_problems(params: s.Params) -> Iterator[str]:
    """Models that do not classify digits, or twice the same."""
    config, key = params.drawn_digits, "drawn_digits.models"
    expected = list_classifiers(params, {"mnist"})
    for name in config.models:
        if name not in expected:
            yield f"{key}: expected some of {', '.join(expected)}; found {name!r}"
    if len(set(config.models)) != len(config.models):
        yield f"{key}: each model must be named once"


def explanation_problems(params: s.Params) -> Iterator[str]:
    """Models that do not classify images, texts or tables."""
    datasets = {
        name
        for name, dataset in params.datasets.items()
        if dataset.module in {*IMAGES, *TABLES, "imdb"}
    }
    expected = list_classifiers(params, datasets)
    for name, config in params.look_inside.models.items():
        if name not in expected:
            yield f"look_inside.models: expected some of {', '.join(expected)}; found {name!r}"
            continue
        key = f"look_inside.models.{name}.dataset"
        yield from differing(key, config.dataset, name, params.models[name].dataset)


def list_classifiers(params: s.Params, datasets: Collection[str]) -> list[str]:
    """Return the models that classify examples of one of the datasets."""
    return [
        name
        for name, model in params.models.items()
        if model.task == "classification" and model.dataset in datasets
    ]
