"""Run the stale stages on many cores or machines, each in a clone of the project.

    python -m stages.distribute                                   # on this machine
    python -m stages.distribute --address 192.0.2.1:6379 --remote

Workers are actors of Ray, which is started here unless there is an address of a cluster. Each runs
one stage at a time and saves its outputs in the cache and run-cache of DVC, which it shares with
this project, or pushes them to a remote. From there `dvc repro` restores them here instead of
running the stage, so that dvc.lock and reports/ are those that it would have made. A stage whose
worker is lost runs on another one.
"""

import argparse
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.cluster import LOCAL, connect
from stages.core.cli import exit_on_error
from stages.core.errors import ConfigError, UserError
from stages.distribution import worker
from stages.dvc_lock import leave_out, read_lock, select_entries, sort_lock, write_lock
from stages.page.results import read_baseline
from stages.parallel import (
    JOBS,
    Graph,
    read_pipeline,
    recorded_seconds,
    reproduce,
    run_all,
    select_stages,
)
from stages.preload import preloaded
from stages.verify import mirror_environment

THREADS = 2  # of a stage that trains
LINES = 20  # that are shown of a stage that failed


def main() -> None:
    """Run the stages on the command line and their dependencies, as far as they are stale."""
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stages", nargs="*", help="names of stages (default: all)")
    parser.add_argument("--workers", type=int, help="(default: one per two cores, at least two)")
    parser.add_argument(
        "--address",
        default=os.environ.get("RAY_ADDRESS", LOCAL),
        help="address of a Ray cluster; by default, workers of this machine",
    )
    parser.add_argument(
        "--remote",
        action="store_true",
        help="exchange results through the default remote of DVC, not through its cache",
    )
    arguments = parser.parse_args()
    remote = find_remote() if arguments.remote else ""
    graph, stale = read_pipeline()
    selected = select_stages(graph, stale, arguments.stages or graph)
    if not selected:
        print("Data and pipelines are up to date.")
        return
    if remote:
        push_dependencies(selected, graph)
    began = time.perf_counter()
    os.environ["RAY_DEDUP_LOGS"] = "0"  # similar lines of several workers are not the same
    ray = connect(arguments.address, cores=THREADS * (arguments.workers or JOBS))
    count = arguments.workers or max(2, int(ray.cluster_resources().get("CPU", 0)) // THREADS)
    try:
        run_distributed(ray, selected, graph, describe_job(remote), count)
    finally:
        ray.shutdown()
    print(f"{len(selected)} stages in {time.perf_counter() - began:.0f} s on {count} workers")


def find_remote() -> str:
    """Return the URL of the default remote.

    Raises:
        ConfigError: If there is none.
    """
    from dvc.repo import Repo

    with Repo() as repo:
        name = repo.config["core"].get("remote")
        if not name:
            raise ConfigError("--remote: no default remote; `dvc remote add --default` adds one")
        return str(repo.config["remote"][name]["url"])


def push_dependencies(selected: Graph, graph: Graph) -> None:
    """Push what the stages to run depend on and what is up to date here, so that workers find it.

    Args:
        selected: Graph of the stages to run.
        graph: Graph of all stages.

    Raises:
        UserError: If `dvc push` fails, which says why.
    """
    from dvc.cli import main as dvc

    others = {dep for stage in selected for dep in graph[stage]} - selected.keys()
    if others and dvc(["push", *sorted(others)]):
        raise UserError("--remote: `dvc push` failed; see the lines above")


def describe_job(remote: str) -> worker.Job:
    """Return what the workers need: the project with its uncommitted changes, and the cache.

    Args:
        remote: URL of the remote; empty for the shared cache.
    """
    from dvc.repo import Repo

    with Repo() as repo:
        cache = "" if remote else str(Path(repo.cache.local.path).parents[1])
    return worker.Job(bundle_project(), cache, remote, mirror_environment())


def bundle_project() -> bytes:
    """Return a git bundle of one commit without history: all files that git does not ignore."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git("read-tree", "HEAD", **index)
        git("add", "--all", **index)
        tree = git("write-tree", **index)
        git("update-ref", worker.REF, git("commit-tree", "-m", "distribute", tree))
        try:
            bundle = Path(folder) / "bundle"
            git("bundle", "create", "--quiet", str(bundle), worker.REF)
            return bundle.read_bytes()
        finally:
            git("update-ref", "-d", worker.REF)


def git(*arguments: str, **environment: str) -> str:
    """Run a git command and return its output.

    Raises:
        UserError: If it fails.
    """
    author = ("-c", "user.name=distribute", "-c", "user.email=distribute@localhost")
    command = ["git", *author, *arguments]
    variables = {**os.environ, **environment}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {' '.join(done.stderr.split())}")
    return done.stdout.strip()


def run_distributed(ray: Any, selected: Graph, graph: Graph, job: worker.Job, count: int) -> None:
    """Run stages on workers, and restore their outputs here.

    Args:
        ray: The module, connected.
        selected: Graph of the stages to run.
        graph: Graph of all stages.
        job: See Job.
        count: Number of workers.

    Raises:
        UserError: If a stage failed.
    """
    before = read_lock()
    uncached = find_uncached()
    pool = Pool(ray, job, count)
    progress = Progress(len(selected))
    restoring = threading.Lock()  # DVC runs one command at a time, and writes dvc.lock
    options = ["--pull"] if job.remote else []

    def run(stage: str) -> bool:
        with restoring:
            lock = select_entries(read_lock(), graph[stage])
        with progress.running(stage):
            if not pool.run(stage, lock, read_files(uncached[stage])):
                return False
            with restoring:
                write_lock(leave_out(read_lock(), stage))
                return reproduce(stage, environment, *options)

    try:
        with preloaded() as environment:
            run_all(selected, run, count, recorded_seconds(read_baseline()))
    finally:
        write_lock(sort_lock(read_lock(), before))


def find_uncached() -> dict[str, list[str]]:
    """Return the dependencies of each stage that others write and that are not in the cache."""
    from dvc.repo import Repo

    with Repo() as repo:
        stages = list(repo.index.graph)
        outs = [out.fs_path for stage in stages for out in stage.outs if not out.use_cache]
        return {
            stage.addressing: [
                os.path.relpath(dep.fs_path)
                for dep in stage.deps
                if any(is_inside(dep.fs_path, out) for out in outs)
            ]
            for stage in stages
        }


def is_inside(path: str, other: str) -> bool:
    """Whether one of two paths is the other one or in it."""
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")


def read_files(paths: Sequence[str]) -> dict[str, bytes]:
    """Read files, and all files of folders, by path."""
    files = [file for path in map(Path, paths) for file in (path, *path.rglob("*"))]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


class Progress:
    """Prints which stages run, wait and have ended."""

    def __init__(self, total: int) -> None:
        self.total, self.ended, self.names = total, 0, list[str]()

    @contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """Print when a stage starts and ends."""
        self.names.append(stage)
        self.show()
        try:
            yield
        finally:
            self.names.remove(stage)
            self.ended += 1
            self.show()

    def show(self) -> None:
        """Print a line."""
        waiting = self.total - self.ended - len(self.names)
        print(
            f"{self.ended} of {self.total} stages ended, {waiting} waiting; "
            f"running: {', '.join(self.names) or 'none'}",
            flush=True,
        )


class Pool:
    """Workers, each with one stage at a time; those that are lost are not replaced."""

    def __init__(self, ray: Any, job: worker.Job, count: int) -> None:
        """Start workers.

        Args:
            ray: The module, connected.
            job: See Job.
            count: Number of workers.

        Raises:
            UserError: If one cannot start.
        """
        self.ray = ray
        ray.cloudpickle.register_pickle_by_value(worker)
        actor, stored = ray.remote(num_cpus=1)(worker.Worker), ray.put(job)
        workers = [actor.remote(stored) for _ in range(count)]
        try:
            ray.get([each.ready.remote() for each in workers])
        except ray.exceptions.RayActorError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"a worker cannot start: {reason}") from None
        self.left = workers
        self.idle: queue.Queue[Any] = queue.Queue()
        for each in workers:
            self.idle.put(each)

    def run(self, stage: str, lock: str, files: Mapping[str, bytes]) -> bool:
        """Run a stage on an idle worker, or on another one if that is lost; see Worker.run.

        Raises:
            UserError: If all workers are lost.
        """
        while (chosen := self.idle.get()) is not None:
            try:
                succeeded, printed = self.ray.get(chosen.run.remote(stage, lock, files))
            except self.ray.exceptions.RayActorError:
                self.left.remove(chosen)
                print(f"[{stage}] its worker is lost, {len(self.left)} are left", flush=True)
                if not self.left:
                    self.idle.put(None)
                continue
            self.idle.put(chosen)
            if not succeeded:
                print("".join(f"[{stage}] {line}\n" for line in printed.splitlines()[-LINES:]))
            return bool(succeeded)
        self.idle.put(None)  # for others that wait
        raise UserError(f"{stage}: all workers are lost")


if __name__ == "__main__":
    exit_on_error(main)
