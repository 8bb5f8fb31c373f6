"""Read params.yaml and check it against the schema."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from yamlcore import CCoreLoader

from stages.config.checks import check_references
from stages.config.schema import MODELS, Params
from stages.core.errors import ConfigError
from stages.core.paths import PARAMS

T = TypeVar("T")
MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_SHOWN = 80  # characters of an invalid value
MAX_PROBLEMS = 5


def load_params(path: Path = PARAMS) -> Params:
    """Read and check a parameters file.

    Args:
        path: Path of the YAML file.

    Returns:
        The checked parameters.

    Raises:
        ConfigError: If any key is invalid; the message says what was found and expected.
    """
    return parse_params(read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """Read YAML 1.2 as DVC does: `1e-3` is a number, `yes` is text, a repeated key is an error.

    Raises:
        ConfigError: If the file does not exist or is not YAML; with the line if known.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path}: expected at most {MAX_BYTES} bytes")
        text = content.decode("utf-8")
        check_structure(text, path)
        return yaml.load(text, Loader=CCoreLoader)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; run from the project's top folder") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigError(f"{path}: line {line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not YAML: {shorten(str(error))}") from None


def check_structure(text: str, path: Path) -> None:
    """Reject aliases, which can expand to gigabytes, and deep nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=CCoreLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(
                f"{path}: line {line}: aliases (*) are not supported; repeat the value"
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigError(f"{path}: line {line}: nested more than {MAX_DEPTH} levels deep")


def parse_params(values: Any, source: str) -> Params:
    """Check values against the schema, and references between sections.

    Args:
        values: Content of the file.
        source: Name of the file, for error messages.

    Raises:
        ConfigError: See `load_params`.
    """
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {describe_all(error, values)}") from None
    check_references(params, source)
    return params


def describe_all(error: ValidationError, values: Any) -> str:
    """Format all problems in one line."""
    problems = [describe(problem, values) for problem in error.errors()]
    more = f"; and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
    return "; ".join(problems[:MAX_PROBLEMS]) + more


def describe(problem: Any, values: Any) -> str:
    """Format one problem found by pydantic, as `key: expected, found`."""
    key, location = [], values
    for part in problem["loc"]:
        inside = part in location if isinstance(location, dict) else isinstance(part, int)
        missing = problem["type"] == "missing" and part == problem["loc"][-1]
        if inside or missing:  # else it is a variant of the schema, not a key of the file
            key.append(str(part))
        location = location[part] if inside else location
    if problem["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        name = problem["ctx"]["discriminator"].strip("'").replace("network_name()", "network.name")
        tags = problem["ctx"].get("expected_tags", ", ".join(map(repr, MODELS)))
        value = location
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else value
        key.append(name)
        return f"{shorten('.'.join(key))}: expected one of {tags}, found {shorten(repr(value))}"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    found = (
        "" if isinstance(problem["input"], dict) else f", found {shorten(repr(problem['input']))}"
    )
    return f"{shorten('.'.join(key))}: {message}{found}"


def shorten(text: str) -> str:
    """Shorten a text to one line of at most MAX_SHOWN characters."""
    text = " ".join(text.replace("\n", "\\n").split())
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def get_section(sections: dict[str, T], key: str, noun: str, source: Path = PARAMS) -> T:
    """Return the section `key` of a file.

    Raises:
        ConfigError: If it does not exist; the message lists the existing ids.
    """
    if key not in sections:
        raise ConfigError(f"{source}: no {noun} {key!r}, expected one of {', '.join(sections)}")
    return sections[key]
