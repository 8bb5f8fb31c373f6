"""Read sweeps.yaml and check it: its own schema, and params.yaml with the values of its spaces."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError

from stages.config.checks import check_references
from stages.config.load import describe_all, get_section, read_yaml
from stages.config.schema import AnyModel, Count, Id, Number, Params, Section, Seed, Text
from stages.core.errors import ConfigError
from stages.core.paths import PARAMS
from stages.studies.variants import Overrides, override

SWEEPS = Path("sweeps.yaml")
CROSS_VALIDATED = "cv."  # prefix of metrics that are cross-validated
FIXED = {  # keys that select other code or data, or that the sweep sets itself
    "network.name",
    "training.input_pipeline",
    "training.seed",
}


class Range(Section):
    """Numbers from `low` to `high`, both included; integers if both are integers."""

    low: int | Number
    high: int | Number
    log: bool = False
    step: int | Number | None = None


class Choices(Section):
    """A few values, of any type."""

    choices: Annotated[list[Any], Field(min_length=2, max_length=100)]


def dimension_type(values: Any) -> str:
    """Name of the class of a dimension of the space."""
    is_choices = isinstance(values, Choices) or (isinstance(values, dict) and "choices" in values)
    return "choices" if is_choices else "range"


Dimension = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(dimension_type),
]


class Folds(Section):
    """Cross-validation of a trial: `steps` times `repeats` repeats; it may be pruned in between."""

    folds: Annotated[int, Field(ge=2, le=1000)]
    repeats: Annotated[int, Field(ge=1, le=100)]
    steps: Annotated[int, Field(ge=1, le=100)]


class Pruning(Section):
    """Pruning of trials that are not among the best `percentile` % at the same step."""

    percentile: Annotated[float, Field(gt=0, lt=100)]
    startup_trials: Count
    warmup_steps: Annotated[int, Field(ge=0, le=100_000)]


class Confirmation(Section):
    """Comparison of the best trials with the defaults, in runs that the search did not see."""

    finalists: Annotated[int, Field(ge=1, le=100)]
    runs: Annotated[int, Field(ge=2, le=100)]


class Sweep(Section):
    """Search for better values of a model's section of params.yaml."""

    metric: Annotated[str, Field(pattern=r"^(cv\.(accuracy|loss|roc_auc)|val_[a-z0-9_]+)$")]
    direction: Literal["maximize", "minimize"]
    trials: Annotated[int, Field(ge=1, le=10_000)]
    parallel: Annotated[int, Field(ge=1, le=1000)]
    startup_trials: Count
    seed: Seed
    cross_validation: Folds | None
    pruning: Pruning | None
    confirmation: Confirmation
    space: Annotated[dict[Text, Dimension], Field(min_length=1, max_length=50)]


def load_sweep(params: Params, model: str, path: Path = SWEEPS) -> Sweep:
    """Read sweeps.yaml and return the sweep of a model.

    Raises:
        ConfigError: If any sweep is not valid, or the model has none, or its space does not contain
            the values of params.yaml, with which the first trial is run.
    """
    sweep = get_section(load_sweeps(params, path), model, "sweep", path)
    for key, dimension in sweep.space.items():
        default = get_default(params, model, key)
        if not contains(dimension, default):
            raise ConfigError(
                f"{path}: {model}.space.{key}: expected a space that contains the value of "
                f"{PARAMS}, {default!r}"
            )
    return sweep


def load_sweeps(params: Params, path: Path = SWEEPS) -> dict[str, Sweep]:
    """Read and check a file of sweeps.

    Args:
        params: Content of params.yaml.
        path: Path of the YAML file.

    Returns:
        The sweeps by model.

    Raises:
        ConfigError: If any key is invalid; the message says what was found and expected.
    """
    values = read_yaml(path)
    try:
        sweeps = TypeAdapter(dict[Id, Sweep]).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe_all(error, values)}") from None
    problems = [
        problem for name, sweep in sweeps.items() for problem in find_problems(params, name, sweep)
    ]
    if problems:
        raise ConfigError(f"{path}: {'; '.join(problems)}")
    return sweeps


def find_problems(params: Params, name: str, sweep: Sweep) -> Iterator[str]:
    """Sweeps of unknown models, metrics that do not fit, and spaces with invalid values."""
    model = params.models.get(name)
    if model is None:
        yield f"{name}: no such model in {PARAMS}"
        return
    if sweep.metric.startswith(CROSS_VALIDATED):
        if name not in params.cross_validation:
            yield f"{name}.metric: {sweep.metric} needs an entry in cross_validation of {PARAMS}"
        if sweep.cross_validation is None:
            yield f"{name}.cross_validation: expected folds, repeats and steps with {sweep.metric}"
    elif sweep.cross_validation is not None:
        yield f"{name}.cross_validation: expected none with {sweep.metric}"
    elif sweep.pruning and "training.epochs" in sweep.space:
        yield (
            f"{name}.pruning: compares trials after equal epochs, so training.epochs must not vary"
        )
    for key, dimension in sweep.space.items():
        yield from dimension_problems(params, name, key, dimension)


def dimension_problems(
    params: Params, name: str, key: str, dimension: Range | Choices
) -> Iterator[str]:
    """Keys that cannot vary, invalid ranges, and values that params.yaml would not accept."""
    where = f"{name}.space.{key}"
    if key in FIXED or not key.startswith(("network.", "training.")):
        yield f"{where}: cannot vary; expected a key of models.{name}.network or .training"
        return
    if isinstance(dimension, Range):
        problem = range_problem(dimension)
        if problem:
            yield f"{where}.{problem}"
            return
        candidates: Mapping[str, Any] = {"low": dimension.low, "high": dimension.high}
    else:
        candidates = {f"choices.{number}": value for number, value in enumerate(dimension.choices)}
    for part, value in candidates.items():
        try:
            make_variant(params, name, {key: value})
        except ConfigError as error:
            yield f"{where}.{part}: {error}"
            return


def range_problem(dimension: Range) -> str:
    """Return the key and the problem of a range; empty if it is valid."""
    low, high, step = dimension.low, dimension.high, dimension.step
    if low >= high:
        return f"high: expected more than low, {low:g}, found {high:g}"
    if dimension.log and low <= 0:
        return f"low: expected more than 0 with log, found {low:g}"
    if step is None:
        return ""
    if dimension.log:
        return "step: expected none with log"
    if is_integer(dimension) and not isinstance(step, int):
        return f"step: expected an integer between integers, found {step:g}"
    divides = step > 0 and is_multiple(high - low, step)
    return "" if divides else f"step: expected a divisor of {high - low:g}, found {step:g}"


def is_integer(dimension: Range) -> bool:
    """Return whether a range has integers only."""
    return isinstance(dimension.low, int) and isinstance(dimension.high, int)


def is_multiple(value: float, step: float) -> bool:
    """Return whether a number is a multiple of another, up to rounding."""
    return math.isclose(value / step, round(value / step), rel_tol=1e-9, abs_tol=1e-9)


def contains(dimension: Range | Choices, value: Any) -> bool:
    """Return whether a value is in a dimension of a space."""
    if isinstance(dimension, Choices):
        return value in dimension.choices
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    on_grid = dimension.step is None or is_multiple(value - dimension.low, dimension.step)
    return dimension.low <= value <= dimension.high and on_grid


def get_default(params: Params, name: str, key: str) -> Any:
    """Return the value of params.yaml at a dotted key of a model's section."""
    node: Any = params.models[name].model_dump()
    for part in key.split("."):
        node = node[int(part) if part.isdigit() else part]
    return node


def make_variant(params: Params, name: str, overrides: Overrides) -> AnyModel:
    """Replace values of a model's section, and check all of params.yaml with them.

    Args:
        params: Content of params.yaml.
        name: Id of the model.
        overrides: Values by dotted key of the model's section.

    Returns:
        The section with these values.

    Raises:
        ConfigError: If params.yaml would be invalid with them.
    """
    model = params.models[name]
    try:
        section = override(model.model_dump(), overrides)
        changed: AnyModel = type(model).model_validate(section)
    except KeyError as error:
        raise ConfigError(f"no key {error.args[0]} in models.{name}") from None
    except ValidationError as error:
        raise ConfigError(describe_all(error, section)) from None
    models = {**params.models, name: changed}
    check_references(params.model_copy(update={"models": models}), str(PARAMS))
    return changed
