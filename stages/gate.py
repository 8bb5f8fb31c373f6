"""Check metrics for regressions, from the output of `dvc metrics diff --json`.

    dvc metrics diff --json main | python -m stages.gate

prints a table in Markdown. The exit status is 1 if a metric is worse by more than tolerances.yaml
allows, is missing, or is not a finite number.
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
GROUPS = {"studies", "baselines", "export"}  # folders of reports/ with a folder for each

WORSE, MISSING, NOT_FINITE = "worse", "missing", "not finite"
TOLERATED, CHANGED, NEW, BETTER, SAME = "within tolerance", "changed", "new", "better", "same"
REGRESSIONS = (WORSE, MISSING, NOT_FINITE)
ORDER = (*REGRESSIONS, TOLERATED, CHANGED, NEW, BETTER, SAME)  # of rows: most important first

Diff = Mapping[str, Mapping[str, Mapping[str, Any]]]  # path -> key -> old, new
Tolerance = Annotated[float, Field(ge=0)] | Annotated[str, Field(pattern=r"^\d+(\.\d+)? %$")]


class Rule(Section):
    """The better direction of some metrics, and how much worse they may become."""

    metrics: list[str]
    direction: Literal["maximize", "minimize", "none"]
    tolerance: dict[str, Tolerance] = Field(default_factory=dict)


class Row(NamedTuple):
    """A metric before and after the change; None where it does not exist."""

    model: str
    metric: str
    before: Any
    after: Any
    verdict: str


def main() -> None:
    """Check the diff on standard input; status 1 if there are regressions."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument(
        "--tolerance", default="full", help="kind of comparison in tolerances.yaml (%(default)s)"
    )
    arguments = parser.parse_args()
    diff = parse_diff(sys.stdin.read(), "standard input")
    rows = compare(diff, read_rules(TOLERANCES), arguments.tolerance)
    print(render(rows))
    sys.exit(has_regressions(rows))


def parse_diff(text: str, source: str) -> Diff:
    """Parse the output of `dvc metrics diff --json`.

    Args:
        text: Output to parse.
        source: Name of its source, for messages.

    Raises:
        DataError: If it is something else, or empty because the command failed.
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
    """Read the rules of a file such as tolerances.yaml.

    Raises:
        ConfigError: If a key is invalid. The message names it.
    """
    values = read_yaml(path)
    try:
        return TypeAdapter(list[Rule]).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe_all(error, values)}") from None


def compare(diff: Diff, rules: Iterable[Rule], comparison: str) -> list[Row]:
    """Assign a verdict to each metric of a diff.

    Args:
        diff: Metrics of two runs.
        rules: Rules; the first one that matches a metric applies.
        comparison: Kind of comparison, a key of the tolerances of a rule.

    Returns:
        Rows, one per metric, in the order of ORDER.

    Raises:
        ConfigError: If no rule matches a metric, or the rule has no tolerance of this kind.
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
    """Return the model of a path reports/<model>/[<part>/]metrics.json.

    Of a study, baseline or exported model it is its folder, such as studies/<study>.
    """
    first, _, rest = path.removeprefix("reports/").partition("/")
    return f"{first}/{rest.partition('/')[0]}" if first in GROUPS else first


def find_rule(metric: str, rules: Iterable[Rule]) -> Rule:
    """Return the first rule with a glob that matches `<model>:<key>`.

    Raises:
        ConfigError: If there is none.
    """
    for rule in rules:
        if any(fnmatchcase(metric, glob) for glob in rule.metrics):
            return rule
    raise ConfigError(f"{TOLERANCES}: no rule matches {metric}; add one with its direction")


def decide(before: Any, after: Any, rule: Rule, comparison: str) -> str:
    """Return the verdict on a metric.

    Args:
        before: Old value; None if the metric is new.
        after: New value; None if the metric is missing.
        rule: Rule of the metric.
        comparison: Kind of comparison, a key of the tolerances of the rule.
    """
    if after is None:
        return MISSING
    if not is_finite(after):
        return NOT_FINITE
    return decide_change(before, after, rule, comparison) if is_finite(before) else NEW


def decide_change(before: float, after: float, rule: Rule, comparison: str) -> str:
    """Return the verdict on a metric with two finite values; see `decide`."""
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
    """Return whether the value of a metric is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def find_tolerance(rule: Rule, comparison: str, before: float) -> float:
    """Return how much worse a metric may become.

    Raises:
        ConfigError: If the rule has no tolerance for this kind of comparison.
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


def has_regressions(rows: Iterable[Row]) -> bool:
    """Return whether any metric is worse than allowed, missing or not finite."""
    return any(row.verdict in REGRESSIONS for row in rows)


def render(rows: Sequence[Row]) -> str:
    """Return a summary and a table in Markdown."""
    return f"{summarize(rows)}\n\n{tabulate(rows)}" if rows else summarize(rows)


def summarize(rows: Sequence[Row]) -> str:
    """Return whether the check passed, and the number of metrics with each verdict."""
    if not rows:
        return "**Passed**: no metric changed."
    counts = [
        f"{count} {verdict}"
        for verdict in ORDER
        if (count := sum(row.verdict == verdict for row in rows))
    ]
    return f"**{'Failed' if has_regressions(rows) else 'Passed'}**: {', '.join(counts)}."


def tabulate(rows: Iterable[Row]) -> str:
    """Return a table in Markdown."""
    head = ("| model | metric | before | after | change | |", "|---|---|--:|--:|--:|---|")
    return "\n".join([*head, *map(render_row, rows)])


def render_row(row: Row) -> str:
    """Return one row of the table."""
    comparable = is_finite(row.before) and is_finite(row.after)
    change = f"{row.after - row.before:+.4g}" if comparable else ""
    verdict = f"**{row.verdict}**" if row.verdict in REGRESSIONS else row.verdict
    cells = (row.model, row.metric, show(row.before), show(row.after), change, verdict)
    return f"| {' | '.join(cells)} |"


def show(value: Any) -> str:
    """Format a value."""
    if value is None:
        return ""
    return f"{value:.5g}" if is_finite(value) else str(value)


if __name__ == "__main__":
    exit_on_error(main)
