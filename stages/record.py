"""Record the current results as the baseline: reports/baseline.json.

The file stores what DVC does not track: training times, and the CPU, precision and package versions
of the results. `make baseline` runs the pipeline, records the baseline and commits it.
"""

import importlib.metadata
import os
import platform
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from stages.core.cli import exit_on_error
from stages.core.files import read_json, write_json
from stages.core.paths import MODELS, REPORTS
from stages.page.results import BASELINE, read_baseline, read_metrics

PACKAGES = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "dvc")
INSTRUCTIONS = {  # flags in /proc/cpuinfo that affect results -> displayed names
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "amx_bf16": "AMX BF16",
    "asimd": "NEON",
    "bf16": "Arm BF16",
}


def main() -> None:
    """Write reports/baseline.json, unless it is up to date."""
    previous = read_baseline()
    baseline = update_baseline(
        previous,
        runs=read_runs(MODELS),
        metrics=read_all_metrics(REPORTS, MODELS),
        environment={
            "recorded": date.today().isoformat(),
            "machine": describe_machine(read_cpuinfo()),
            "versions": read_versions(),
        },
    )
    if baseline == previous:
        print(f"{BASELINE}: up to date")
        return
    write_json(BASELINE, baseline)
    print(f"{BASELINE}: recorded {len(baseline['models'])} models")


def update_baseline(
    previous: dict[str, Any],
    runs: dict[str, dict[str, Any]],
    metrics: dict[str, dict[str, float]],
    environment: dict[str, Any],
) -> dict[str, Any]:
    """Return the new baseline.

    A model that was not trained since the previous baseline keeps the record of its training run.
    If nothing changed, the previous baseline is returned, including its date.

    Args:
        previous: Previous baseline, or an empty dictionary.
        runs: Records of the last training run on this machine by model.
        metrics: Flat metrics by model.
        environment: Current `recorded`, `machine` and `versions`.

    Returns:
        Dictionary with `recorded`, `machine`, `versions` and `models`; each model has the keys of
        its training run and `metrics`.
    """
    old = previous.get("models", {})
    new_runs = {
        model: run
        for model, run in runs.items()
        if model in metrics and run["finished"] > old.get(model, {}).get("finished", "")
    }
    models = {
        model: new_runs.get(model, old.get(model, {})) | {"metrics": values}
        for model, values in sorted(metrics.items())
    }
    if previous and models == old:
        return previous
    header = environment
    if previous and not new_runs:  # evaluated again, but trained on that machine
        header = previous | {"recorded": environment["recorded"]}
    return {key: header[key] for key in ("recorded", "machine", "versions")} | {"models": models}


def read_runs(models: Path) -> dict[str, dict[str, Any]]:
    """Read the record of the last training run of each model on this machine.

    Args:
        models: Folder with one subfolder per model, each with a run.json.

    Returns:
        Content of the files by model. `finished` defaults to the time of the file.
    """
    runs = {}
    for path in sorted(models.glob("*/run.json")):
        finished = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
        runs[path.parent.name] = {"finished": finished} | read_json(path)
    return runs


def read_all_metrics(reports: Path, models: Path) -> dict[str, dict[str, float]]:
    """Read the flat metrics of all models, by model; not those of several, as drawn_digits."""
    return {
        path.parent.name: read_metrics(path.parent)
        for path in sorted(reports.glob("*/metrics.json"))
        if (models / path.parent.name).is_dir()
    }


def read_cpuinfo() -> str:
    """Read /proc/cpuinfo; empty on systems without it."""
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def describe_machine(cpuinfo: str) -> dict[str, Any]:
    """Describe the machine; results are reproducible on machines with the same instruction sets.

    Args:
        cpuinfo: Content of /proc/cpuinfo.

    Returns:
        `processor` (its name), `instructions` (its instruction sets among INSTRUCTIONS), `cores`
        and `system`.
    """
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    flags = set((fields.get("flags") or fields.get("features") or "").split())
    return {
        "processor": fields.get("model name") or platform.processor() or platform.machine(),
        "instructions": [shown for flag, shown in INSTRUCTIONS.items() if flag in flags],
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
    }


def read_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that affect results."""
    return {"python": platform.python_version()} | {
        package: importlib.metadata.version(package) for package in PACKAGES
    }


if __name__ == "__main__":
    exit_on_error(main)
