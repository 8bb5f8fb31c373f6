"""Say whether metrics became worse; read from `dvc metrics diff --json`.

    dvc metrics diff --json main | python -m stages.gate

prints a table in Markdown. It ends with status 1 if a metric is worse by more than tolerances.yaml
allows, is missing, or is no finite number.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from stages.config.load import describe_all, read_yaml
from stages.config.schema import Section
from stages.core.cli import exit_on_error
from stages.core.errors import ConfigError, DataError

TOLERANCES = Path("tolerances.yaml")

WORSE, MISSING, NOT_FINITE = "worse", "missing", "not finite"
TOLERATED, CHANGED, NEW, BETTER, SAME = "within tolerance", "changed", "new", "better", "same"
RED = (WORSE, MISSING, NOT_FINITE)
ORDER = (*RED, TOLERATED, CHANGED, NEW, BETTER, SAME)  # of rows: what needs a look comes first

Diff = Mapping[str, Mapping[str, Mapping[str, Any]]]  # path -> key -> old, new
Tolerance = Annotated[float, Field(ge=0)] | Annotated[str, Field(pattern=r"^\d+(\.\d+)? %$")]


class Rule(Section):
    """What is better of some metrics, and how much worse they may become."""

    metrics: list[str]
    direction: Literal["maximize", "minimize", "none"]
    tolerance: dict[str, Tolerance] = Field(default_factory=dict)


class Row(NamedTuple):
    """A metric before and after; None where there is none."""

    model: str
    metric: str
    before: Any
    after: Any
    verdict: str


def main() -> None:
    """Compare what standard input has; status 1 if anything is red."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument(
        "--tolerance", default="full", help="kind of comparison in tolerances.yaml (%(default)s)"
    )
    arguments = parser.parse_args()
    diff = parse_diff(sys.stdin.read(), "standard input")
    rows = compare(diff, read_rules(TOLERANCES), arguments.tolerance)
    print(render(rows))
    sys.exit(is_red(rows))


def parse_diff(text: str, source: str) -> Diff:
    """What `dvc metrics diff --json` printed.

    Raises:
        DataError: if it printed something else, or failed and printed nothing.
    """
    try:
        diff = json.loads(text)
        changes = [change for keys in diff.values() for change in keys.values()]
        if any(not {"old", "new"} <= change.keys() for change in changes):
            raise ValueError("no `old` and `new`")
    except (ValueError, AttributeError) as error:
        raise DataError(
            f"{source}: expected the output of `dvc metrics diff --json`: {error}"
        ) from None
    return diff


def read_rules(path: Path) -> list[Rule]:
    """The rules of a file such as tolerances.yaml.

    Raises:
        ConfigError: naming the key that is wrong.
    """
    values = read_yaml(path)
    try:
        return TypeAdapter(list[Rule]).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe_all(error, values)}") from None


def compare(diff: Diff, rules: Iterable[Rule], comparison: str) -> list[Row]:
    """Give each changed metric a verdict.

    Args:
        diff: of two runs.
        rules: the first one that fits a metric decides.
        comparison: the kind, which names the tolerance of a rule.

    Returns:
        A row for each metric, in the order of ORDER.

    Raises:
        ConfigError: if no rule fits a metric, or it has no tolerance of this kind.
    """
    rules = list(rules)
    rows = []
    for path, keys in diff.items():
        model = name_model(path)
        for key, change in keys.items():
            rule = find_rule(f"{model}:{key}", rules)
            before, after = change["old"], change["new"]
            verdict = decide(before, after, rule, comparison)
            rows.append(Row(model, key, before, after, verdict))
    return sorted(rows, key=lambda row: (ORDER.index(row.verdict), row.model, row.metric))


def name_model(path: str) -> str:
    """The model whose metrics a file has: reports/<model>/[cross_validation/]metrics.json."""
    folder = path.removeprefix("reports/").removesuffix("/metrics.json")
    return folder.removesuffix("/cross_validation")


def find_rule(metric: str, rules: Iterable[Rule]) -> Rule:
    """The first rule with a glob that fits `<model>:<key>`.

    Raises:
        ConfigError: if there is none.
    """
    for rule in rules:
        if any(fnmatchcase(metric, glob) for glob in rule.metrics):
            return rule
    raise ConfigError(f"{TOLERANCES}: no rule fits {metric}; add one that says which way is better")


def decide(before: Any, after: Any, rule: Rule, comparison: str) -> str:
    """The verdict on a metric.

    Args:
        before: its old value; None if it is new.
        after: its new value; None if it vanished.
        rule: of this metric.
        comparison: the kind, which names the tolerance.
    """
    if after is None:
        return MISSING
    if not is_finite(after):
        return NOT_FINITE
    return decide_change(before, after, rule, comparison) if is_finite(before) else NEW


def decide_change(before: float, after: float, rule: Rule, comparison: str) -> str:
    """The verdict on a metric that was a number and is one; arguments as of `decide`."""
    if before == after:
        return SAME
    if rule.direction == "none":
        return CHANGED
    worsening = before - after if rule.direction == "maximize" else after - before
    if worsening < 0:
        return BETTER
    allowed = find_tolerance(rule, comparison, before)
    at_edge = math.isclose(worsening, allowed, rel_tol=1e-9)  # 0.95 - 0.93 is more than 0.02
    return TOLERATED if worsening < allowed or at_edge else WORSE


def is_finite(value: Any) -> bool:
    """Whether a value of a metric is a number that can be compared."""
    return isinstance(value, int | float) and math.isfinite(value)


def find_tolerance(rule: Rule, comparison: str, before: float) -> float:
    """How much worse a metric may become.

    Raises:
        ConfigError: if the rule does not say so for this kind of comparison.
    """
    if comparison not in rule.tolerance:
        raise ConfigError(
            f"{TOLERANCES}: {', '.join(rule.metrics)}: no tolerance {comparison!r}, "
            f"expected one of {', '.join(rule.tolerance)}"
        )
    tolerance = rule.tolerance[comparison]
    if isinstance(tolerance, str):
        return abs(before) * float(tolerance.removesuffix(" %")) / 100
    return tolerance


def is_red(rows: Iterable[Row]) -> bool:
    """Whether any metric must not be as it is."""
    return any(row.verdict in RED for row in rows)


def render(rows: Sequence[Row]) -> str:
    """A sentence and a table, in Markdown."""
    return f"{summarize(rows)}\n\n{tabulate(rows)}" if rows else summarize(rows)


def summarize(rows: Sequence[Row]) -> str:
    """Whether it is red, and how many metrics have each verdict."""
    if not rows:
        return "**Green**: no metric changed."
    counts = [
        f"{count} {verdict}"
        for verdict in ORDER
        if (count := sum(row.verdict == verdict for row in rows))
    ]
    return f"**{'Red' if is_red(rows) else 'Green'}**: {', '.join(counts)}."


def tabulate(rows: Iterable[Row]) -> str:
    """A table with a line for each row."""
    head = ("| model | metric | before | after | change | |", "|---|---|--:|--:|--:|---|")
    return "\n".join([*head, *map(render_row, rows)])


def render_row(row: Row) -> str:
    """A row of the table."""
    comparable = is_finite(row.before) and is_finite(row.after)
    change = f"{row.after - row.before:+.4g}" if comparable else ""
    verdict = f"**{row.verdict}**" if row.verdict in RED else row.verdict
    cells = (row.model, row.metric, show(row.before), show(row.after), change, verdict)
    return f"| {' | '.join(cells)} |"


def show(value: Any) -> str:
    """A value as short text."""
    if value is None:
        return ""
    return f"{value:.5g}" if is_finite(value) else str(value)


if __name__ == "__main__":
    exit_on_error(main)
