"""Run the stale stages in parallel, where `dvc repro` runs one at a time: `make repro`.

Small stages do not use all cores, and most of their time is the import of TensorFlow, which is
shared here (stages/preload.py). The results are byte-for-byte identical to those of `dvc repro`,
since a stage uses the same number of threads in both.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from graphlib import TopologicalSorter
from types import FrameType
from typing import Any, NoReturn

import psutil

from stages.core.cli import exit_on_error, exit_on_interrupt
from stages.core.errors import UserError
from stages.page.results import read_baseline
from stages.preload import preloaded

Graph = Mapping[str, Collection[str]]  # stage -> stages that it depends on

JOBS = max(2, (os.cpu_count() or 1) // 2)  # training uses two threads


def main() -> None:
    """Run the stages on the command line and their dependencies, as far as they are stale."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("stages", nargs="*", help="names of stages (default: all)")
    parser.add_argument(
        "--jobs", type=int, default=JOBS, help="number of parallel stages (%(default)s)"
    )
    arguments = parser.parse_args()
    stop_stages_when_stopped()
    began = time.perf_counter()
    with preloaded() as environment:  # while it imports TensorFlow, the pipeline is read
        graph, stale = read_pipeline()
        selected = select_stages(graph, stale, arguments.stages or graph)
        if not selected:
            print("Data and pipelines are up to date.")
            return
        seconds = recorded_seconds(read_baseline())
        run_all(selected, lambda stage: reproduce(stage, environment), arguments.jobs, seconds)
    print(f"{len(selected)} stages in {time.perf_counter() - began:.0f} s")


def stop_stages_when_stopped() -> None:
    """Terminate all child processes when this process is terminated.

    An interrupt at the keyboard reaches them anyway, but a signal to this process alone does not.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        os._exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    # Not in the background, where interrupts are ignored.
    if signal.getsignal(signal.SIGINT) is exit_on_interrupt:
        signal.signal(signal.SIGINT, stop)


def read_pipeline() -> tuple[Graph, set[str]]:
    """Return the graph of dvc.yaml and the stages that are not up to date.

    Raises:
        UserError: If `dvc status` fails, for example because another DVC command is running.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo

    from stages.dvc_patches import patch_dvc

    patch_dvc()
    try:
        with Repo() as repo, lock_repo(repo):
            stages = repo.index.graph
            graph = {
                stage.addressing: [needed.addressing for needed in stages.successors(stage)]
                for stage in stages
            }
            return graph, set(repo.status())
    except DvcException as error:
        reason = str(error).strip().partition("\n")[0].rstrip(":")
        raise UserError(f"dvc status: {reason}; wait until other DVC commands have ended") from None


def recorded_seconds(baseline: Mapping[str, Any]) -> dict[str, float]:
    """Return the recorded training times in seconds, by stage."""
    return {
        f"train@{model}": run["train_seconds"]
        for model, run in baseline.get("models", {}).items()
        if "train_seconds" in run
    }


def select_stages(graph: Graph, stale: Iterable[str], targets: Iterable[str]) -> Graph:
    """Select the part of a graph that may have to run.

    Args:
        graph: Graph of all stages.
        stale: Stages that are not up to date. Stages that depend on them may be stale too.
        targets: Stages to bring up to date, along with their dependencies.

    Raises:
        UserError: If a target does not exist.
    """
    needed, affected = set(targets), set(stale)
    if unknown := sorted(needed - graph.keys()):
        raise UserError(f"no stage {unknown[0]!r}; `dvc stage list` lists all")
    order = list(TopologicalSorter(graph).static_order())  # dependencies come first
    for stage in order:
        if affected.intersection(graph[stage]):
            affected.add(stage)
    for stage in reversed(order):
        if stage in needed:
            needed.update(graph[stage])
    selected = needed & affected
    return {stage: selected.intersection(graph[stage]) for stage in order if stage in selected}


def run_all(
    graph: Graph,
    run: Callable[[str], bool],
    jobs: int,
    seconds: Mapping[str, float] | None = None,
) -> None:
    """Run each stage after its dependencies.

    Of the stages that are ready, the one at the start of the longest path runs first, so that no
    long stage runs alone at the end.

    Args:
        graph: Graph of the stages to run.
        run: Function that runs a stage and returns whether it succeeded.
        jobs: Number of parallel stages.
        seconds: Expected times of stages; 0 for others.

    Raises:
        UserError: If a stage failed. Running stages are finished, no other stage is started.
    """
    remaining = longest_paths(graph, seconds or {})
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    ready: list[str] = []
    running: dict[Future[bool], str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while sorter.is_active():
            ready = sorted([*ready, *sorter.get_ready()], key=lambda stage: remaining[stage])
            while ready and len(running) < jobs:
                stage = ready.pop()
                running[pool.submit(run, stage)] = stage
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                stage = running.pop(future)
                if not future.result():
                    raise UserError(f"{stage} failed; run it again with `dvc repro {stage}`")
                sorter.done(stage)


def longest_paths(graph: Graph, seconds: Mapping[str, float]) -> dict[str, float]:
    """Compute, for each stage, the length in seconds of the longest path that starts with it.

    Args:
        graph: Graph of the stages.
        seconds: Times by stage; 0 for others.
    """
    paths = {stage: seconds.get(stage, 0.0) for stage in graph}
    for stage in reversed(list(TopologicalSorter(graph).static_order())):
        for needed in graph[stage]:
            paths[needed] = max(paths[needed], seconds.get(needed, 0.0) + paths[stage])
    return paths


def reproduce(stage: str, environment: Mapping[str, str], *options: str) -> bool:
    """Run a stage with DVC and print its output, each line prefixed with the stage name.

    Args:
        stage: Name of the stage.
        environment: Additional environment variables.
        options: Additional options of `dvc repro`.

    Returns:
        True if the stage succeeded.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        ["bin/python", "-m", "stages.run_stage", *options, stage],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    for line in process.stdout:
        print(f"[{stage}] {line}", end="", flush=True)
    succeeded = process.wait() == 0
    if succeeded:
        print(f"[{stage}] finished in {time.perf_counter() - began:.0f} s", flush=True)
    return succeeded


if __name__ == "__main__":
    exit_on_error(main)
