"""Compare the recipe of a model in params.yaml with that of the course."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stages.page.explanations import COURSES, EXPLANATIONS
from stages.page.networks import describe_layers

Values = Mapping[str, Any]

NONE = "none"
OPTIMIZERS = {"adagrad": "Adagrad", "adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop"}
ADAM_DEFAULTS = {"beta_1": 0.9, "beta_2": 0.999}
SCHEDULES = {
    "constant": "constant",
    "cosine": "cosine decay to 0",
    "one_cycle": "one-cycle: warmup for 30% of the steps, then cosine decay to 0",
    "triangular": "warmup for 10% of the steps, then linear decay to 0",
}
REGULARIZERS = {
    "dropout": "dropout {}",
    "encoder_dropout": "dropout {} in the encoder",
    "spatial_dropout": "spatial dropout {}",
    "word_dropout": "word dropout {}",
    "weight_dropout": "weight dropout {}",
    "l2": "L2 penalty {}",
    "weight_decay": "weight decay {}",
    "label_smoothing": "label smoothing {}",
    "r1_weight": "R1 penalty {}",
}
DISTORTIONS = {
    "rotation": "rotations of up to {:g}°",
    "zoom": "scaling by up to {:.0%}",
    "shear": "shearing by up to {:g}",
    "erase": "an erased square of {} pixels",
}
PRECISIONS = {
    "auto": "mixed bfloat16 if the CPU supports it, otherwise float32",
    "mixed_bfloat16": "mixed bfloat16",
}


class Recipe(NamedTuple):
    """How a model is trained.

    Attributes:
        network: Section `network` of the model in params.yaml.
        training: Section `training` of the model.
        preprocess: Section `preprocess` of its dataset; empty for a synthetic one.
        num_params: Number of parameters of the network, None if unknown.
    """

    network: Values
    training: Values
    preprocess: Values
    num_params: int | None


class Row(NamedTuple):
    """A row of the recipe table.

    Attributes:
        title: Name of the setting.
        ours: Setting of this project.
        course: Setting of the course; empty without a course recipe.
        differs: True if the two differ.
        reasons: Why the difference helps.
    """

    title: str
    ours: str
    course: str
    differs: bool
    reasons: tuple[str, ...]


class Setting(NamedTuple):
    """A setting: its name, its description in a recipe, and the parameters that it shows."""

    title: str
    describe: Callable[[Recipe], str]
    parameters: tuple[str, ...]


def make_recipe(config: Any, dataset: Any, details: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a model.

    Args:
        config: Section of the model in params.yaml.
        dataset: Section of its dataset, None for a synthetic one.
        details: Content of the model's details.json.
    """
    return Recipe(
        network=config.network.model_dump(),
        training=config.training.model_dump(),
        preprocess=dataset.preprocess.model_dump() if dataset else {},
        num_params=details.get("num_params"),
    )


def list_settings(ours: Recipe) -> list[Row]:
    """Return the rows of the recipe table of a model without a course recipe."""
    described = [(setting.title, setting.describe(ours)) for setting in SETTINGS]
    return [Row(title, text, "", False, ()) for title, text in described if text]


def compare_settings(model: str, ours: Recipe, entry: Values) -> list[Row]:
    """Return the rows of the recipe table of a model, next to the course recipe.

    Args:
        model: Id of the model.
        ours: Recipe of the model.
        entry: Entry of benchmarks/recipes.yaml.
    """
    course = COURSES.get(model)
    theirs = Recipe(
        entry.get("network") or ({} if course and course.layers else ours.network),
        entry["training"],
        {**ours.preprocess, **entry.get("preprocess", {})},
        course.num_params if course else None,
    )
    texts = {}
    if course and course.layers:
        texts = {"Layers": course.layers, "Regularization": course.regularization}
    parameters, their_parameters = collect(ours), collect(theirs)
    rows = []
    for setting in SETTINGS:
        mine = setting.describe(ours)
        other = texts.get(setting.title, setting.describe(theirs))
        if not mine and not other:
            continue
        reasons: Sequence[str] = ()
        if mine != other and setting.title in texts and course:
            reasons = course.reasons.get(setting.title, ())
        elif mine != other:
            reasons = explain(setting.parameters, parameters, their_parameters)
        rows.append(Row(setting.title, mine or NONE, other or NONE, mine != other, tuple(reasons)))
    return rows


def explain(
    parameters: Sequence[str], ours: Mapping[str, list[Any]], course: Mapping[str, list[Any]]
) -> list[str]:
    """Return why the changed ones of some parameters help, as far as there is an explanation.

    Args:
        parameters: Names of parameters.
        ours: Our values by name.
        course: Values of the course by name.
    """
    changes = {
        name: describe_change(ours.get(name, []), course.get(name, [])) for name in parameters
    }
    found = [EXPLANATIONS.get(name, {}).get(change, "") for name, change in changes.items()]
    return [text for text in dict.fromkeys(found) if text]


def describe_change(ours: Sequence[Any], course: Sequence[Any]) -> str:
    """Describe how our values of a parameter differ from those of the course.

    Args:
        ours: Our values, one for each occurrence of the parameter; empty if there is none.
        course: Values of the course.

    Returns:
        Empty if they are equal. Numbers: higher or lower by their sum, other if that is equal; a
        missing number counts as 0, True as 1. Otherwise our first value.
    """
    if list(ours) == list(course):
        return ""
    if all(isinstance(value, int | float) for value in [*ours, *course]):
        total, other = sum(ours), sum(course)
        if total == other:
            return "other"
        return "higher" if total > other else "lower"
    return str(ours[0]) if ours else ""


def collect(recipe: Recipe) -> dict[str, list[Any]]:
    """Return the values of each parameter of a recipe, in order; those that are None are omitted.

    `name` is that of the optimizers.
    """
    found: dict[str, list[Any]] = {}

    def visit(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                visit(key, inner)
        elif isinstance(value, list):
            for inner in value:
                visit(name, inner)
        elif value is not None:
            found.setdefault(name, []).append(value)

    network = {key: value for key, value in recipe.network.items() if key != "name"}
    visit("", [network, recipe.training, recipe.preprocess])
    return found


def number(value: float) -> str:
    """Format a number without an exponent and without trailing zeros."""
    text = f"{value:,.10f}"
    return text.rstrip("0").rstrip(".")


def plural(count: int, unit: str) -> str:
    """Format a count with its unit."""
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def per_optimizer(recipe: Recipe, describe: Callable[[Values], str]) -> str:
    """Describe each optimizer; together if the descriptions are equal.

    The low-level network has no section `optimizer`: it is trained by gradient descent.
    """
    training = recipe.training
    optimizers = {
        key.removesuffix("_optimizer"): training[key]
        for key in ("optimizer", "generator_optimizer", "discriminator_optimizer")
        if key in training
    } or {"optimizer": {"name": "sgd", **training}}
    texts = {key: describe(optimizer) for key, optimizer in optimizers.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return ", ".join(f"{text} ({key})" for key, text in texts.items() if text)


def describe_input(recipe: Recipe) -> str:
    """Describe the input where it is a parameter that recipes change."""
    length = recipe.preprocess.get("max_length")
    return f"at most {plural(length, 'word')}" if length else ""


def describe_optimizer(optimizer: Values) -> str:
    """Describe an optimizer with the hyperparameters that matter."""
    name: str = optimizer["name"]
    parts = [OPTIMIZERS.get(name, name)]
    if name == "adam":
        parts += [
            f"{key} {number(optimizer[key])}"
            for key, default in ADAM_DEFAULTS.items()
            if optimizer.get(key, default) != default
        ]
    elif optimizer.get("momentum"):
        kind = "Nesterov momentum" if optimizer.get("nesterov") else "momentum"
        parts.append(f"{kind} {number(optimizer['momentum'])}")
    return ", ".join(parts)


def describe_rate(optimizer: Values) -> str:
    """Describe a learning rate."""
    rate = number(optimizer["learning_rate"])
    return rate if optimizer["schedule"] == "constant" else f"{rate} at its peak"


def describe_length(recipe: Recipe) -> str:
    """Describe the training length, in epochs or steps."""
    training = recipe.training
    if "epochs" in training:
        return plural(training["epochs"], "epoch")
    return plural(training["steps"], "step")


def describe_batches(recipe: Recipe) -> str:
    """Describe the batch size."""
    size, length = recipe.training["batch_size"], recipe.training.get("sequence_length")
    if "window" in recipe.training:
        return f"{size:,} words with the words near them"
    return f"{size:,} sequences of {length:,} characters" if length else f"{size:,}"


def describe_regularization(recipe: Recipe) -> str:
    """Describe all regularization that is on; `none` if there is none."""
    found = collect(recipe)
    parts = [
        text.format(" and ".join(number(value) for value in dict.fromkeys(found[name])))
        for name, text in REGULARIZERS.items()
        if any(found.get(name, []))
    ]
    patience = recipe.training.get("early_stopping_patience")
    if patience:
        parts.append(f"early stopping after {plural(patience, 'epoch')} without improvement")
    return ", ".join(parts) or NONE


def describe_augmentation(recipe: Recipe) -> str:
    """Describe the augmentation of training images; empty for other data."""
    if recipe.training.get("input_pipeline") != "images":
        return ""
    augmentation = recipe.training.get("augmentation") or {}
    parts = []
    if augmentation.get("shift"):
        parts.append(f"random shifts of up to {plural(augmentation['shift'], 'pixel')}")
    if augmentation.get("flip"):
        parts.append("random horizontal flips")
    parts += [
        text.format(value) for key, text in DISTORTIONS.items() if (value := augmentation.get(key))
    ]
    return ", ".join(parts) or NONE


def describe_corruption(recipe: Recipe) -> str:
    """Describe what an autoencoder learns to undo; empty if it is nothing."""
    corruption = recipe.training.get("corruption")
    if not corruption:
        return ""
    if corruption["type"] == "grayscale":
        return "grayscale"
    return f"normal noise, standard deviation {number(100 * corruption['stddev'])}% of white"


def describe_word_pairs(recipe: Recipe) -> str:
    """Describe the pairs of words that word vectors are trained on; empty for other networks."""
    training = recipe.training
    if "window" not in training:
        return ""
    return (
        f"at most {plural(training['window'], 'word')} apart; words more frequent than "
        f"{number(training['subsampling'])} are dropped at random"
    )


def describe_negatives(recipe: Recipe) -> str:
    """Describe the negative samples of word vectors; empty for other networks."""
    training = recipe.training
    if "negatives" not in training:
        return ""
    shared = number(training["shared_negatives"])
    return f"{training['negatives']:,} per pair, as the mean of {shared} that a batch shares"


def describe_initialization(recipe: Recipe) -> str:
    """Describe the initial weights where they are a parameter."""
    network = recipe.network
    if network.get("initial_gain"):
        return f"hidden weights: {number(network['initial_gain'])} times Glorot initialization"
    if network.get("initial_weight"):
        return f"weight {number(network['initial_weight'])} for all log-count ratios"
    if network.get("decoder_initial_stddev"):
        stddev = number(network["decoder_initial_stddev"])
        return f"first layer of the decoder: standard deviation {stddev}"
    return ""


def describe_clipping(optimizer: Values) -> str:
    """Describe the clipping of gradients."""
    norm, value = optimizer.get("global_clipnorm"), optimizer.get("clipvalue")
    if norm:
        return f"global norm at most {number(norm)}"
    return f"each value within ±{number(value)}" if value else ""


def describe_averaging(optimizer: Values) -> str:
    """Describe the average of the weights."""
    momentum = optimizer.get("ema_momentum")
    return f"exponential moving average, momentum {number(momentum)}" if momentum else ""


def describe_precision(recipe: Recipe) -> str:
    """Describe the precision of the training run."""
    precision: str = recipe.training.get("precision", "float32")
    return PRECISIONS.get(precision, precision)


SETTINGS = (
    Setting("Input", describe_input, ("max_length",)),
    Setting(
        "Layers",
        lambda recipe: describe_layers(recipe.network),
        ("hidden_units", "activation", "filters", "padding", "max_pool", "batch_norm"),
    ),
    Setting("Parameters", lambda recipe: f"{recipe.num_params:,}" if recipe.num_params else "", ()),
    Setting(
        "Initialization",
        describe_initialization,
        ("initial_gain", "initial_weight", "decoder_initial_stddev"),
    ),
    Setting("Optimizer", lambda recipe: per_optimizer(recipe, describe_optimizer), ("name",)),
    Setting(
        "Learning rate", lambda recipe: per_optimizer(recipe, describe_rate), ("learning_rate",)
    ),
    Setting(
        "Schedule",
        lambda recipe: per_optimizer(recipe, lambda optimizer: SCHEDULES[optimizer["schedule"]]),
        ("schedule",),
    ),
    Setting("Training length", describe_length, ("epochs", "steps")),
    Setting("Batch size", describe_batches, ("batch_size",)),
    Setting("Regularization", describe_regularization, tuple(REGULARIZERS)),
    Setting("Augmentation", describe_augmentation, ("shift", "flip", *DISTORTIONS)),
    Setting("Corruption of the input", describe_corruption, ("stddev",)),
    Setting("Pairs of words", describe_word_pairs, ("window", "subsampling")),
    Setting("Negative samples", describe_negatives, ("negatives", "shared_negatives")),
    Setting(
        "Weight of the KL divergence",
        lambda recipe: (
            number(recipe.training["kl_weight"]) if "kl_weight" in recipe.training else ""
        ),
        ("kl_weight",),
    ),
    Setting(
        "Weight of the classifier's loss",
        lambda recipe: (
            number(recipe.training["classifier_weight"])
            if "classifier_weight" in recipe.training
            else ""
        ),
        ("classifier_weight",),
    ),
    Setting(
        "Gradient clipping",
        lambda recipe: per_optimizer(recipe, describe_clipping),
        ("global_clipnorm", "clipvalue"),
    ),
    Setting(
        "Weight averaging",
        lambda recipe: per_optimizer(recipe, describe_averaging),
        ("ema_momentum",),
    ),
    Setting("Precision", describe_precision, ("precision",)),
)
