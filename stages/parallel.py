"""Run the stale stages, several at once, as `dvc repro` does one at a time: `make repro`.

Small stages do not use all cores, and most of their time is the import of TensorFlow, which they
share here (stages/preload.py). The results are those of `dvc repro`, to the byte: a stage computes
with the same threads in both.
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

Graph = Mapping[str, Collection[str]]  # by stage, those on which it depends

JOBS = max(2, (os.cpu_count() or 1) // 2)  # a training has two threads


def main() -> None:
    """Run what is stale of the stages on the command line and of those that they need."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("stages", nargs="*", help="names, by default of all stages")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many at once (%(default)s)")
    arguments = parser.parse_args()
    stop_stages_when_stopped()
    began = time.perf_counter()
    graph, stale = read_pipeline()
    chosen = choose(graph, stale, arguments.stages or graph)
    if not chosen:
        print("Data and pipelines are up to date.")
        return
    seconds = recorded_seconds(read_baseline())
    with preloaded() as environment:
        run_all(chosen, lambda stage: reproduce(stage, environment), arguments.jobs, seconds)
    print(f"{len(chosen)} stages in {time.perf_counter() - began:.0f} s")


def stop_stages_when_stopped() -> None:
    """End all processes that were started here when this one is to end.

    An interruption at the keyboard reaches them anyway, a signal to this process alone does not.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        os._exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGINT) is exit_on_interrupt:  # not in the background
        signal.signal(signal.SIGINT, stop)


def read_pipeline() -> tuple[Graph, set[str]]:
    """The graph of dvc.yaml, and the stages that are not up to date.

    Raises:
        UserError: if DVC cannot tell, for example since another DVC command runs.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
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
    """How long each training took when the baseline was recorded, by stage, where it says so."""
    return {
        f"train@{model}": run["train_seconds"]
        for model, run in baseline.get("models", {}).items()
        if "train_seconds" in run
    }


def choose(graph: Graph, stale: Iterable[str], targets: Iterable[str]) -> Graph:
    """The part of a graph that may have to run.

    Args:
        graph: of all stages.
        stale: stages that are not up to date; what depends on them may not be either.
        targets: stages to bring up to date, with those that they need.

    Raises:
        UserError: if there is no such target.
    """
    needed, affected = set(targets), set(stale)
    if unknown := sorted(needed - graph.keys()):
        raise UserError(f"no stage {unknown[0]!r}; `dvc stage list` names them all")
    order = list(TopologicalSorter(graph).static_order())  # a stage comes after what it needs
    for stage in order:
        if affected.intersection(graph[stage]):
            affected.add(stage)
    for stage in reversed(order):
        if stage in needed:
            needed.update(graph[stage])
    chosen = needed & affected
    return {stage: chosen.intersection(graph[stage]) for stage in order if stage in chosen}


def run_all(
    graph: Graph,
    run: Callable[[str], bool],
    jobs: int,
    seconds: Mapping[str, float] | None = None,
) -> None:
    """Run each stage once all on which it depends have run.

    Of the stages that can run, that goes first on which the longest path of others waits, so that
    no long one is left to the end, when it would run alone.

    Args:
        graph: of the stages to run.
        run: runs a stage; whether it succeeded.
        jobs: how many at once.
        seconds: that stages are expected to take; others take little.

    Raises:
        UserError: if a stage failed. Stages that run go on to their end, others do not begin.
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
    """For each stage, the seconds of the longest chain of stages that begins with it.

    Args:
        graph: by stage, those on which it depends.
        seconds: by stage; 0 where it is not known.
    """
    paths = {stage: seconds.get(stage, 0.0) for stage in graph}
    for stage in reversed(list(TopologicalSorter(graph).static_order())):
        for needed in graph[stage]:
            paths[needed] = max(paths[needed], seconds.get(needed, 0.0) + paths[stage])
    return paths


def reproduce(stage: str, environment: Mapping[str, str]) -> bool:
    """Run a stage by DVC, with its name before each line that it prints.

    Args:
        stage: its name.
        environment: further variables.

    Returns:
        Whether it succeeded.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "dvc",
            "--wait-for-lock",
            "repro",
            "--quiet",
            "--single-item",
            stage,
        ],
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
