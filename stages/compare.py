"""Compare the results of two revisions: which differences are more than chance?

    python -m stages.compare main
    python -m stages.compare HEAD~1 HEAD --model "mnist_*"

compares a revision with another, by default the workspace. Of each model whose results differ it
prints main metric, accuracy and cross-validation: the difference, its 95 % interval, and a verdict.
Classifiers are paired by their predictions for each test example (McNemar's test) or in each fold
(corrected resampled t-test); other results are compared with the variation over seeds that
`make seeds` recorded. Models and predictions of both revisions have to be in the cache of DVC.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.errors import ConfigError, ModelError
from stages.core.files import flatten
from stages.gate import TOLERANCES, find_rule, read_rules, show
from stages.page.results import read_seeds

if TYPE_CHECKING:
    from stages.comparison.differences import Difference
    from stages.comparison.revisions import Revision

BETTER, WORSE, CHANGED = "better", "worse", "changed"
CHANCE, UNKNOWN = "not more than chance", "unknown"
PARTS = ("metrics.json", "cross_validation/metrics.json")
ACCURACIES = ("test.accuracy", "cv.accuracy", "cv.roc_auc")  # compared besides the main metric


class Row(NamedTuple):
    """A metric of a model in two revisions.

    Attributes:
        model: Id of the model.
        metric: Name of the metric.
        before: Value in the first revision.
        after: Value in the second one.
        difference: Difference, or the reason why it cannot be tested.
        verdict: BETTER, WORSE, CHANGED, CHANCE or UNKNOWN.
    """

    model: str
    metric: str
    before: float
    after: float
    difference: "Difference | str"
    verdict: str


def main() -> None:
    """Compare the revisions on the command line."""
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", help="commit, branch or tag")
    parser.add_argument("after", nargs="?", help="another one (default: the workspace)")
    parser.add_argument("--model", default="*", help="models to compare, a glob (default: all)")
    arguments = parser.parse_args()
    models = load_params().models
    selected = {name: models[name] for name in models if fnmatchcase(name, arguments.model)}
    if not selected:
        raise ConfigError(f"--model {arguments.model}: no such model in params.yaml")
    from stages.comparison.revisions import WORKSPACE, Revision

    before, after = (Revision(name) for name in (arguments.before, arguments.after or WORKSPACE))
    rows = [row for name in selected for row in compare_model(name, selected[name], before, after)]
    print(render(rows, before.name, after.name))


def compare_model(name: str, model: Any, before: "Revision", after: "Revision") -> Iterator[Row]:
    """Compare the metrics of a model that differ."""
    first, second = (read_metrics(name, revision) for revision in (before, after))
    rules = read_rules(TOLERANCES)
    for metric in dict.fromkeys([model.report.metric, *ACCURACIES]):
        if metric not in first or metric not in second or first[metric] == second[metric]:
            continue
        try:
            difference: Difference | str = find_difference(
                name, model, metric, (first[metric], second[metric]), (before, after)
            )
        except ModelError as error:
            difference = str(error)
        direction = find_rule(f"{name}:{metric}", rules).direction
        verdict = decide_verdict(difference, direction)
        yield Row(name, metric, first[metric], second[metric], difference, verdict)


def read_metrics(name: str, revision: "Revision") -> dict[str, float]:
    """Read the flat metrics of a model in a revision; empty if it has none."""
    metrics: dict[str, float] = {}
    for part in PARTS:
        try:
            metrics |= flatten(json.loads(revision.read(f"reports/{name}/{part}")))
        except ModelError:
            continue
    return metrics


def find_difference(
    name: str,
    model: Any,
    metric: str,
    values: tuple[float, float],
    revisions: "tuple[Revision, Revision]",
) -> "Difference":
    """Compare a metric by the best evidence there is.

    Raises:
        ModelError: If there is none; the message says why.
    """
    import pandas as pd

    from stages.comparison import differences

    if metric in differences.SCORES:
        path = f"models/{name}/cv_predictions.csv"
        before, after = (pd.read_csv(BytesIO(revision.read(path))) for revision in revisions)
        if not differences.have_same_folds(before, after):
            raise ModelError("the folds of the two cross-validations differ")
        return differences.compare_folds(before, after, metric)
    if metric == "test.accuracy":
        check_same_test(model.dataset, revisions)
        right = [predict_right(name, model.dataset, revision) for revision in revisions]
        return differences.compare_predictions(*right)
    results = read_seeds().get(name, {}).get("results", {}).values()
    if not results:
        raise ModelError(f"no results with other seeds: `make seeds MODEL={name}` records them")
    return differences.compare_with_seeds(*values, [values[0], *results])


def check_same_test(dataset: str, revisions: "Sequence[Revision]") -> None:
    """Check that both revisions have the test split of the workspace.

    Raises:
        ModelError: If one has another.
    """
    from stages.comparison.revisions import WORKSPACE, Revision

    path = f"data/processed/{dataset}/test"
    locks = [revision.read_lock() for revision in (*revisions, Revision(WORKSPACE))]
    if len({lock.get(path) for lock in locks}) > 1:
        raise ModelError(f"{path} differs between the revisions or from the workspace")


def predict_right(name: str, dataset: str, revision: "Revision") -> Any:
    """Return whether the model of a revision is right about each test example, bool [n]."""
    from stages.core.splits import load_info, load_split
    from stages.inference.bundle import load_model
    from stages.inference.outputs import probabilities

    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(revision.read(f"models/{name}/model.keras"))
        model = load_model(path)
    test = load_split(dataset, "test")
    p = probabilities(model, test.x, load_info(dataset)["input"]["type"])
    return p.argmax(axis=1) == test.y


def decide_verdict(difference: "Difference | str", direction: str) -> str:
    """Return the verdict on a difference; direction: maximize, minimize or none."""
    if isinstance(difference, str):
        return UNKNOWN
    if not difference.is_significant:
        return CHANCE
    if direction == "none":
        return CHANGED
    return BETTER if (difference.value > 0) == (direction == "maximize") else WORSE


def render(rows: Sequence[Row], before: str, after: str) -> str:
    """Return the rows as a table in Markdown."""
    if not rows:
        return f"No compared metric differs between {before} and {after}."
    lines = [
        f"| model | metric | {before} | {after} | difference | 95 % interval | verdict | basis |",
        "|---|---|--:|--:|--:|--:|---|---|",
    ]
    for row in rows:
        cells = [row.model, row.metric, show(row.before), show(row.after)]
        if isinstance(row.difference, str):
            cells += [f"{row.after - row.before:+.4g}", "", row.verdict, row.difference]
        else:
            change = row.difference
            interval = f"{change.low:+.4g} to {change.high:+.4g}"
            cells += [f"{change.value:+.4g}", interval, row.verdict, change.basis]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    exit_on_error(main)
