"""Results of benchmark runs, stored in results.json."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from stages.page.render import choose_decimals, choose_unit, with_unit

PIPELINE = "pipeline"  # the whole pipeline, next to the models
MIN_EPOCHS = 2  # for extrapolation, since the first epoch takes longer

Results = dict[str, Any]  # by model
Run = Mapping[str, Any]  # see benchmarks.child.run


def make_entry(
    taught: Sequence[Run],
    ours: Sequence[Run],
    row: Any,
    known: Mapping[str, Any] | None = None,
    epochs: int | None = None,
) -> dict[str, Any]:
    """Compare two recipes.

    Args:
        taught: One or more runs of the recipe as taught, which differ only in time.
        ours: The same number of runs of ours.
        row: Section `report` of the model, for `metric` and `direction`.
        known: Earlier entry, if the recipe as taught ran for fewer epochs.
        epochs: Number of epochs of the full recipe as taught, in that case.

    Returns:
        as_taught_seconds: Time from process start to the end of the recipe as taught.
        as_taught_first_seconds: Time to the end of `as_taught_first_epoch`, the first epoch whose
            result is as good as the final one.
        ours_seconds: Time to the end of the first epoch in which our model is as good, None if it
            never is. A cross-validation is one epoch.
        ratio: as_taught_seconds divided by ours_seconds.
        extrapolated: True if the recipe as taught was timed for fewer epochs.
        as_taught_quality, ours_quality: Final metrics.
        as_taught_memory_mb, ours_memory_mb: Peak memory of the training run in MB.
    """
    quality = known["as_taught_quality"] if known else taught[0]["quality"]
    target, maximize = quality[row.metric], row.direction == "maximize"
    total = epochs or len(taught[0]["seconds"])
    if known:
        first = known["as_taught_first_epoch"]
    else:
        first = first_reached(taught[0]["curve"], target, maximize) or total
    reached = first_reached(ours[0]["curve"], target, maximize)
    taught_seconds = time_to(taught, total)
    ours_seconds = None if reached is None else time_to(ours, reached)
    return {
        "metric": row.metric,
        "direction": row.direction,
        "as_taught_seconds": taught_seconds,
        "as_taught_first_seconds": time_to(taught, first),
        "as_taught_first_epoch": first,
        "ours_seconds": ours_seconds,
        "ratio": make_ratio(taught_seconds, ours_seconds),
        "extrapolated": known is not None,
        "as_taught_quality": rounded(quality),
        "ours_quality": rounded(ours[0]["quality"]),
        "as_taught_memory_mb": round(max(run["memory_mb"] for run in taught)),
        "ours_memory_mb": round(max(run["memory_mb"] for run in ours)),
    }


def time_to(runs: Sequence[Run], epoch: int) -> float:
    """Return the median time to the end of an epoch, counted from 1."""
    return round(median(seconds_at(run["seconds"], epoch) for run in runs), 1)


def seconds_at(seconds: Sequence[float], epoch: int) -> float:
    """Return the time to the end of an epoch.

    Args:
        seconds: Times to the end of each epoch; at least MIN_EPOCHS for extrapolation.
        epoch: Number of the epoch, from 1; its time is extrapolated if it did not run.
    """
    if epoch <= len(seconds):
        return seconds[epoch - 1]
    per_epoch = (seconds[-1] - seconds[0]) / (len(seconds) - 1)
    return seconds[-1] + (epoch - len(seconds)) * per_epoch


def first_reached(curve: Sequence[float], target: float, maximize: bool) -> int | None:
    """Return the number, from 1, of the first value of `curve` as good as `target`, if any."""
    sign = 1 if maximize else -1
    good = (n for n, value in enumerate(curve, 1) if sign * value >= sign * target)
    return next(good, None)


def make_ratio(taught: float, ours: float | None) -> float | None:
    """Return the ratio of both times; None if ours does not reach the target."""
    return None if ours is None else round(taught / ours, 2)


def rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    """Round metrics to six decimals."""
    return {name: round(value, 6) for name, value in metrics.items()}


def merge(results: Results, name: str, entry: Mapping[str, Any]) -> Results:
    """Merge a new entry of a model, or of PIPELINE, into the results.

    Keys that the new entry does not have are kept, such as those of full runs as taught. The sums
    of PIPELINE are recomputed, if it is present.
    """
    merged = results | {name: results.get(name, {}) | dict(entry)}
    if PIPELINE in merged:
        merged[PIPELINE] = sum_up(merged)
    return merged


def sum_up(results: Results) -> dict[str, Any]:
    """Return the entry of PIPELINE: the sum of all recipes as taught, and our whole pipeline."""
    entries = [entry for name, entry in results.items() if name != PIPELINE]
    seconds, ours = (
        sum(entry["as_taught_seconds"] for entry in entries),
        results[PIPELINE]["ours_seconds"],
    )
    return results[PIPELINE] | {
        "as_taught_seconds": round(seconds, 1),
        "ratio": make_ratio(seconds, ours),
        "extrapolated": any(entry["extrapolated"] for entry in entries),
        "as_taught_memory_mb": max(entry["as_taught_memory_mb"] for entry in entries),
    }


def as_markdown(results: Results, rows: Mapping[str, Any]) -> str:
    """Return a table of all results in Markdown, with the machines and dates below it.

    Args:
        results: Content of results.json.
        rows: Section `report` of each model, for `metric`, `unit` and `course`.
    """
    lines = [
        "| model | metric | course | course recipe, rerun | ours | course recipe, s | ours, s "
        "| speedup |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, entry in results.items():
        cells = [name, *describe_quality(entry, rows.get(name)), *describe_times(entry)]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    if any(entry["extrapolated"] for entry in results.values()):
        lines += ["\\* extrapolated from fewer epochs", ""]
    machines = {
        f"{describe_machine(entry['machine'])}, {entry['recorded']}" for entry in results.values()
    }
    return "\n".join([*lines, *sorted(machines)])


def describe_quality(entry: Mapping[str, Any], row: Any) -> list[str]:
    """Return the metric and its values: of the course, of its recipe and of ours."""
    if row is None:
        return [""] * 4
    unit = choose_unit(row.metric, row.unit)
    values = [entry[side][row.metric] for side in ("as_taught_quality", "ours_quality")]
    return [
        row.metric,
        *(
            "" if value is None else with_unit(value, unit, choose_decimals(value, unit))
            for value in (row.course, *values)
        ),
    ]


def describe_times(entry: Mapping[str, Any]) -> list[str]:
    """Return the times of both recipes in seconds, and their ratio."""
    return [
        f"{rounded_seconds(entry['as_taught_seconds'])}{' *' if entry['extrapolated'] else ''}",
        "never" if entry["ours_seconds"] is None else rounded_seconds(entry["ours_seconds"]),
        "" if entry["ratio"] is None else f"{entry['ratio']:.1f}",
    ]


def rounded_seconds(seconds: float) -> str:
    """Return seconds with one decimal if they are few."""
    return f"{seconds:.1f}" if seconds < 20 else f"{seconds:.0f}"


def describe_machine(machine: Mapping[str, Any]) -> str:
    """Return the processor, its instructions and the number of cores."""
    return ", ".join(
        [machine["processor"], *machine["instructions"][-1:], f"{machine['cores']} cores"]
    )
