"""Read recipes.yaml, and apply a recipe as taught to the parameters of the project."""

import copy
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from stages.config.load import describe_all, parse_params, read_yaml
from stages.config.schema import Section, Text
from stages.core.errors import ConfigError

RECIPES = Path(__file__).with_name("recipes.yaml")

Values = dict[str, Any]  # of params.yaml


class CourseProtocol(Section):
    """The evaluation data of the course, and its name."""

    name: Text
    preprocess: dict[str, Any]


class Recipe(Section):
    """The parameters that a recipe as taught replaces, and how to run it; see recipes.yaml."""

    training: dict[str, Any]
    network: dict[str, Any] | None = None
    preprocess: dict[str, Any] = Field(default_factory=dict)
    course_protocol: CourseProtocol | None = None
    repeats: Annotated[int, Field(ge=1)] = 1


def load_recipes(path: Path = RECIPES) -> dict[str, Recipe]:
    """Read the recipes as taught, by model.

    Raises:
        ConfigError: If a key is invalid. The message names all of them.
    """
    values = read_yaml(path)
    try:
        return TypeAdapter(dict[str, Recipe]).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe_all(error, values)}") from None


def as_taught(values: Values, model: str, recipe: Recipe, epochs: int | None = None) -> Values:
    """Return the parameters to train a model as taught.

    Args:
        values: Values of params.yaml.
        model: Id of the model.
        recipe: Recipe as taught.
        epochs: Maximum number of epochs.

    Raises:
        ConfigError: If the result is invalid.
    """
    changed = with_preprocess(values, model, recipe.preprocess)
    section = changed["models"][model]
    section["training"] = dict(recipe.training)
    section["network"] = recipe.network or section["network"]
    if epochs is not None:
        section["training"]["epochs"] = min(epochs, recipe.training["epochs"])
    parse_params(changed, f"{RECIPES}: {model}")
    return changed


def with_preprocess(values: Values, model: str, preprocess: Values) -> Values:
    """Return the parameters with other preprocessing of a model's dataset.

    Raises:
        ConfigError: If the result is invalid.
    """
    changed = copy.deepcopy(values)
    changed["datasets"][changed["models"][model]["dataset"]]["preprocess"] |= preprocess
    parse_params(changed, f"{RECIPES}: {model}: preprocess")
    return changed
