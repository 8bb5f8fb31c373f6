"""Print the metrics of all models in tables without empty cells.

    dvc metrics show --json | python -m stages.metrics_table

`dvc metrics show` itself prints one table with a column for each metric of any model. Here, models
of the same task that have the same metrics share a table, in Markdown.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from stages.config.load import read_yaml
from stages.core.cli import exit_on_error
from stages.core.errors import DataError
from stages.core.files import flatten
from stages.core.paths import PARAMS
from stages.gate import name_model, show

OTHER = "other"  # heading of files that belong to no model in params.yaml


class Row(NamedTuple):
    """The metrics of one file in one revision."""

    model: str
    revision: str
    metrics: dict[str, float]


def main() -> None:
    """Print the tables for the metrics on standard input."""
    rows = parse_metrics(sys.stdin.read(), "standard input")
    tasks = {name: model["task"] for name, model in read_yaml(PARAMS)["models"].items()}
    print(render(rows, tasks))


def parse_metrics(text: str, source: str) -> list[Row]:
    """Parse the output of `dvc metrics show --json`.

    Args:
        text: Output to parse.
        source: Name of its source, for messages.

    Returns:
        Rows, one per revision and file that has metrics. Files that DVC could not read are left
        out, since it reports them itself.

    Raises:
        DataError: If it is something else, or empty because the command failed.
    """
    try:
        shown = json.loads(text)
        files = [
            (path, revision, flatten(file.get("data", {})))
            for revision, content in shown.items()
            for path, file in content.get("data", {}).items()
        ]
    except (ValueError, AttributeError) as error:
        raise DataError(
            f"{source}: expected the output of `dvc metrics show --json`: {error}"
        ) from None
    return [
        Row(name_model(path), revision, metrics) for path, revision, metrics in files if metrics
    ]


def render(rows: Iterable[Row], tasks: Mapping[str, str]) -> str:
    """Return the tables in Markdown, below a heading for each task.

    Args:
        rows: Metrics.
        tasks: Tasks by model.
    """
    parts = []
    for task, tables in group(rows, tasks).items():
        parts.append(f"## {task.replace('_', ' ').capitalize()}")
        parts += [tabulate(table) for table in tables]
    return "\n\n".join(parts) or "No metrics."


def group(rows: Iterable[Row], tasks: Mapping[str, str]) -> dict[str, list[list[Row]]]:
    """Return the rows of each table, by task; the rows of a table have the same metrics."""
    groups: dict[str, dict[frozenset[str], list[Row]]] = {}
    for row in rows:
        tables = groups.setdefault(tasks.get(row.model, OTHER), {})
        tables.setdefault(frozenset(row.metrics), []).append(row)
    return {task: list(tables.values()) for task, tables in groups.items()}


def tabulate(rows: Sequence[Row]) -> str:
    """Return a table in Markdown with aligned columns.

    Args:
        rows: At least one row; all have the same metrics. If they are of several revisions, the
            second column has the revision.
    """
    several = len({row.revision for row in rows}) > 1
    texts = ["model", "revision"] if several else ["model"]
    metrics = list(rows[0].metrics)
    cells = [[*texts, *metrics]]
    for row in rows:
        names = [row.model, row.revision][: len(texts)]
        cells.append([*names, *(show(row.metrics[metric]) for metric in metrics)])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    ruler = ["-" * width for width in widths[: len(texts)]]
    ruler += ["-" * (width - 1) + ":" for width in widths[len(texts) :]]  # to the right
    cells.insert(1, ruler)
    return "\n".join(align(line, widths, len(texts)) for line in cells)


def align(cells: Sequence[str], widths: Sequence[int], num_texts: int) -> str:
    """Return a line of a table, with numbers, the cells after the texts, to the right."""
    padded = [
        cell.ljust(width) if i < num_texts else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


if __name__ == "__main__":
    exit_on_error(main)
