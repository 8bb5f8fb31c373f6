"""Read recipes.yaml, and put a recipe as taught into the parameters of the project."""

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
    """Data on which the course evaluates, and its name."""

    name: Text
    preprocess: dict[str, Any]


class Recipe(Section):
    """What a recipe as taught replaces in params.yaml, and how it is run; see recipes.yaml."""

    training: dict[str, Any]
    network: dict[str, Any] | None = None
    preprocess: dict[str, Any] = Field(default_factory=dict)
    course_protocol: CourseProtocol | None = None
    repeats: Annotated[int, Field(ge=1)] = 1


def load_recipes(path: Path = RECIPES) -> dict[str, Recipe]:
    """The recipes as taught, by model.

    Raises:
        ConfigError: naming each key that is wrong.
    """
    values = read_yaml(path)
    try:
        return TypeAdapter(dict[str, Recipe]).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe_all(error, values)}") from None


def as_taught(values: Values, model: str, recipe: Recipe, epochs: int | None = None) -> Values:
    """The parameters with which a model is trained as taught.

    Args:
        values: of params.yaml.
        model: id of the model.
        recipe: as taught.
        epochs: train so many at most.

    Raises:
        ConfigError: if the result is not valid.
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
    """The parameters with other preprocessing of a model's dataset.

    Raises:
        ConfigError: if the result is not valid.
    """
    changed = copy.deepcopy(values)
    changed["datasets"][changed["models"][model]["dataset"]]["preprocess"] |= preprocess
    parse_params(changed, f"{RECIPES}: {model}: preprocess")
    return changed
