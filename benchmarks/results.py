"""What the runs of a benchmark say, and results.json."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

PIPELINE = "pipeline"  # the whole, beside the models
MIN_EPOCHS = 2  # to extrapolate from: the first takes longer

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
        taught: one or more runs of the recipe as taught, which differ in time alone.
        ours: as many of ours.
        row: the model's `report` section, for `metric` and `direction`.
        known: an earlier entry, if the recipe as taught did not run to its end.
        epochs: of the whole recipe as taught, in that case.

    Returns:
        as_taught_seconds: from process start to the end of the recipe as taught.
        as_taught_first_seconds: to the end of `as_taught_first_epoch`, the first in which it was as
            good as it is at its end.
        ours_seconds: to the end of the first epoch in which our model is as good, None if it never
            is; of a cross-validation, to its end.
        ratio: as_taught_seconds divided by ours_seconds.
        extrapolated: whether the recipe as taught was timed for fewer epochs.
        as_taught_quality, ours_quality: metrics at the end.
        as_taught_memory_mb, ours_memory_mb: the most that the training took.
    """
    quality = known["as_taught_quality"] if known else taught[0]["quality"]
    target, maximize = quality[row.metric], row.direction == "maximize"
    total = epochs or len(taught[0]["seconds"])
    if known:
        first = known["as_taught_first_epoch"]
    else:
        first = epoch_reached(taught[0], target, maximize) or total
    reached = epoch_reached(ours[0], target, maximize)
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
    """The median time to the end of an epoch, from 1."""
    return round(median(seconds_at(run["seconds"], epoch) for run in runs), 1)


def seconds_at(seconds: Sequence[float], epoch: int) -> float:
    """The time to the end of an epoch, from 1.

    Args:
        seconds: to the end of each epoch that ran; at least MIN_EPOCHS to go beyond them.
        epoch: whose end to extrapolate if it did not run.
    """
    if epoch <= len(seconds):
        return seconds[epoch - 1]
    per_epoch = (seconds[-1] - seconds[0]) / (len(seconds) - 1)
    return seconds[-1] + (epoch - len(seconds)) * per_epoch


def epoch_reached(run: Run, target: float, maximize: bool) -> int | None:
    """The first epoch, from 1, in which a model was as good; without a curve, the last."""
    return first_reached(run["curve"], target, maximize) if run["curve"] else len(run["seconds"])


def first_reached(curve: Sequence[float], target: float, maximize: bool) -> int | None:
    """The number, from 1, of the first value of `curve` as good as `target`, if there is one."""
    sign = 1 if maximize else -1
    good = (n for n, value in enumerate(curve, 1) if sign * value >= sign * target)
    return next(good, None)


def make_ratio(taught: float, ours: float | None) -> float | None:
    """How many times as long the recipe as taught takes, if ours gets there."""
    return None if ours is None else round(taught / ours, 2)


def rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics to six decimals."""
    return {name: round(value, 6) for name, value in metrics.items()}


def merge(results: Results, name: str, entry: Mapping[str, Any]) -> Results:
    """Results with what a new run says of a model, or of PIPELINE.

    What the new entry does not have stays, such as what only a whole run as taught tells. The sums
    of PIPELINE are made anew, if it is there.
    """
    merged = results | {name: results.get(name, {}) | dict(entry)}
    if PIPELINE in merged:
        merged[PIPELINE] = sum_up(merged)
    return merged


def sum_up(results: Results) -> dict[str, Any]:
    """The entry of PIPELINE: all recipes as taught one after the other, and our whole pipeline."""
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


def as_markdown(results: Results) -> str:
    """A table of all results, for the README."""
    lines = [
        "| model | metric | as taught | ours | as taught, s | ours, s | ratio |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for name, entry in results.items():
        metric = entry.get("metric", "")
        qualities = [
            f"{entry[side][metric]:.5g}" if metric else ""
            for side in ("as_taught_quality", "ours_quality")
        ]
        seconds = f"{entry['as_taught_seconds']:.0f}{' *' if entry['extrapolated'] else ''}"
        ours = "never" if entry["ours_seconds"] is None else f"{entry['ours_seconds']:.0f}"
        ratio = "" if entry["ratio"] is None else f"{entry['ratio']:.1f}"
        lines.append(f"| {' | '.join([name, metric, *qualities, seconds, ours, ratio])} |")
    if any(entry["extrapolated"] for entry in results.values()):
        lines += ["", "\\* extrapolated from a part of its epochs"]
    return "\n".join(lines)
