"""Compare the results of a reduced run with the committed baseline, or record a new baseline.

    python -m tests.reduced FOLDER            # run the reduced pipeline in FOLDER
    python -m tests.compare FOLDER            # status 1 if there are regressions
    python -m tests.compare FOLDER --record   # record its results as the baseline

The comparison is written to FOLDER/comparison: comparison.md, the changed charts before and after
in charts/index.html, and the baseline that `--record` would write in reduced_baseline/.
"""

import argparse
import csv
import math
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages import gate
from stages.core.cli import exit_on_error
from stages.core.files import read_json, remove, write_json
from stages.record import describe_machine, read_cpuinfo
from stages.verify import name_machine
from tests.reduced import BASELINE, ROOT, environment

METRICS = (
    "reports/*/metrics.json",
    "reports/*/cross_validation/metrics.json",
    "reports/*/exploration/metrics.json",
)
CHARTS = ("models/*/history.csv", "reports/*/chart.csv")
MAX_ROWS, MAX_CHARTS = 30, 6  # more are collapsed


def main() -> None:
    """Compare the results in the folder on the command line; status 1 if there are regressions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the argument of `python -m tests.reduced`")
    parser.add_argument("--record", action="store_true", help="write the baseline, compare nothing")
    arguments = parser.parse_args()
    here = describe_machine(read_cpuinfo())
    if arguments.record:
        record(arguments.folder, BASELINE, here)
    else:
        sys.exit(gate.has_regressions(compare(arguments.folder, here)))


def compare(project: Path, here: dict[str, Any]) -> list[gate.Row]:
    """Compare the results of a project with its baseline.

    Args:
        project: Project folder of `python -m tests.reduced`, where `comparison` is written.
        here: Description of this machine.

    Returns:
        Rows, one per changed metric.
    """
    baseline = project / BASELINE.relative_to(ROOT)
    there = read_json(baseline / "machine.json")
    kind = "reduced" if same_kind(there, here) else "reduced_other_processor"
    rules = gate.read_rules(ROOT / gate.TOLERANCES)
    rows = gate.compare(metrics_diff(project, baseline), rules, kind)
    charts = changed_charts(project, baseline)

    target = project / "comparison"
    remove(target)
    record(project, target / BASELINE.name, here)
    draw_charts(project, charts, target / "charts")
    text = "\n\n".join(
        [
            "## Reduced pipeline, compared with its baseline",
            gate.summarize(rows),
            *([fold("Metrics", gate.tabulate(rows), len(rows) > MAX_ROWS)] if rows else []),
            render_charts(project, baseline, charts),
            describe_comparison(there, here, kind),
        ]
    )
    (target / "comparison.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return rows


def record(project: Path, baseline: Path, machine: dict[str, Any]) -> None:
    """Write the results of a project as a baseline.

    Args:
        project: Project folder with results.
        baseline: Folder of the baseline, which is replaced.
        machine: Description of the machine of the run.
    """
    remove(baseline)
    for name in find(project, *METRICS, *CHARTS):
        path = baseline / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / name, path)
    write_json(baseline / "machine.json", machine)


def find(folder: Path, *globs: str) -> list[str]:
    """Return the files in a folder that match any glob, relative to the folder."""
    return sorted(
        path.relative_to(folder).as_posix() for glob in globs for path in folder.glob(glob)
    )


def same_kind(there: dict[str, Any], here: dict[str, Any]) -> bool:
    """Return whether two machines of `describe_machine` compute identical results.

    The number of cores does not matter, since the number of threads is fixed.
    """
    return all(there[key] == here[key] for key in ("instructions", "system"))


def metrics_diff(project: Path, baseline: Path) -> gate.Diff:
    """Run `dvc metrics diff` between the commit of the baseline and the results.

    Files are passed as targets, since DVC would ignore those of a model that was removed.
    """
    targets = sorted({*find(baseline / "results", *METRICS), *find(project, *METRICS)})
    printed = dvc(project, "metrics", "diff", "--json", "--targets", *targets)
    return gate.parse_diff(printed, "dvc metrics diff")


def dvc(project: Path, *arguments: str) -> str:
    """Run a DVC command and return its output."""
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(
        command, cwd=project, env=environment(), stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def changed_charts(project: Path, baseline: Path) -> list[str]:
    """Return the data files of charts that are new or differ from the baseline."""
    return [
        name
        for name in find(project, *CHARTS)
        if not (baseline / "results" / name).exists()
        or (baseline / "results" / name).read_bytes() != (project / name).read_bytes()
    ]


def draw_charts(project: Path, charts: Sequence[str], target: Path) -> None:
    """Draw charts before and after with `dvc plots diff`, if there are any."""
    if charts:
        out = str(target.relative_to(project))
        dvc(project, "plots", "diff", "HEAD", "--targets", *charts, "--out", out)


def render_charts(project: Path, baseline: Path, charts: Sequence[str]) -> str:
    """Return the changed charts in Markdown: their names, and the comparable learning curves."""
    if not charts:
        return "No chart changed."
    drawn = [draw_curve(baseline / "results" / name, project / name) for name in charts]
    names = "\n".join(f"- `{name}`" for name in charts)
    text = "\n\n".join([names, *filter(None, drawn)])
    return fold("Changed charts", text, len(charts) > MAX_CHARTS)


def draw_curve(before: Path, after: Path) -> str:
    """Draw the learning curves of two history.csv as a Mermaid chart, which GitHub renders.

    Returns:
        Chart in Markdown. Empty if there is no history, a single epoch, other epochs than before,
        or a loss that is not finite.
    """
    if after.name != "history.csv" or not before.exists():
        return ""
    old, new = read_columns(before), read_columns(after)
    step = next(iter(new))
    loss = "val_loss" if "val_loss" in new else next(key for key in new if key.endswith("loss"))
    values = [*old.get(loss, [math.nan]), *new[loss]]
    if old.get(step) != new[step] or len(new[step]) < 2 or not all(map(math.isfinite, values)):
        return ""
    lines = [
        "xychart-beta",
        f'title "{after.parent.name}: {loss} before (first line) and after (second line)"',
        f'x-axis "{step}" [{join(new[step])}]',
        f"line [{join(old[loss])}]",
        f"line [{join(new[loss])}]",
    ]
    return "\n".join(["```mermaid", *lines, "```"])


def read_columns(path: Path) -> dict[str, list[float]]:
    """Read the columns of a CSV file of numbers; an empty cell is NaN."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    return {
        name: [float(cell or "nan") for cell in cells]
        for name, cells in zip(header, columns, strict=True)
    }


def join(values: Sequence[float]) -> str:
    """Format numbers for a Mermaid chart, without exponents, which Mermaid does not support."""
    return ", ".join(f"{value:.6f}".rstrip("0").removesuffix(".") for value in values)


def describe_comparison(there: dict[str, Any], here: dict[str, Any], kind: str) -> str:
    """Return the machines of both runs, the tolerances, and how to accept the results."""
    return (
        f"Baseline: {name_machine(there)}, {there['cores']} cores. "
        f"This run: {name_machine(here)}, {here['cores']} cores. "
        f"Tolerances: `{kind}` in `{gate.TOLERANCES}`.\n\n"
        f"To accept the results, replace `{BASELINE.relative_to(ROOT)}` by "
        f"`{BASELINE.name}` of the artifact."
    )


def fold(title: str, text: str, folded: bool) -> str:
    """Return Markdown below a heading or, if folded, in a collapsed section."""
    if folded:
        return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
    return f"### {title}\n\n{text}"


if __name__ == "__main__":
    exit_on_error(main)
