"""A worker: a clone of a commit, in which stages run, in a process of any machine.

Ray sends this module to the machines, so that it imports nothing but the standard library; the
code of the stages is that of the clone.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

REF = "refs/distribute/project"  # of the commit in the bundle


class Job(NamedTuple):
    """What all workers have in common.

    Attributes:
        bundle: Git bundle of the commit.
        cache: Folder of the DVC cache that driver and workers share; empty with a remote.
        remote: URL of the remote through which they exchange results; empty with a shared cache.
        environment: Environment variables of the stages.
    """

    bundle: bytes
    cache: str
    remote: str
    environment: Mapping[str, str]


class Worker:
    """Runs stages one after the other in a clone of its own."""

    def __init__(self, job: Job) -> None:
        """Clone the commit.

        Args:
            job: See Job.
        """
        self.job = job
        self.resources = ExitStack()
        self.folder = Path(
            self.resources.enter_context(tempfile.TemporaryDirectory(prefix="worker-"))
        )
        bundle = self.folder / "commit.bundle"
        bundle.write_bytes(job.bundle)
        self.project = self.folder / "project"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, **job.environment, "PATH": path}
        self.check(["git", "init", "--quiet", str(self.project)], self.folder)
        self.check(["git", "fetch", "--quiet", str(bundle), REF], self.project)
        self.check(["git", "checkout", "--quiet", "FETCH_HEAD"], self.project)
        if job.remote:
            self.dvc("remote", "add", "--local", "--default", "distribute", job.remote)
        else:
            self.dvc("cache", "dir", "--local", job.cache)
        self.preload()

    def dvc(self, *arguments: str) -> None:
        """Run a DVC command that has to succeed."""
        self.check([sys.executable, "-m", "dvc", *arguments], self.project)

    def check(self, command: Sequence[str], folder: Path) -> None:
        """Run a command that has to succeed.

        Raises:
            RuntimeError: If it fails; with what it printed.
        """
        done = subprocess.run(
            command, cwd=folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:3])}: {done.stdout}{done.stderr}")

    def preload(self) -> None:
        """Import TensorFlow once for all stages, by stages/preload.py of the clone."""
        os.chdir(self.project)
        sys.path.insert(0, str(self.project))
        preloaded = importlib.import_module("stages.preload").preloaded()
        self.environment |= self.resources.enter_context(preloaded)

    def ready(self) -> None:
        """Return when the clone is made."""

    def run(self, stage: str, lock: str, files: Mapping[str, bytes]) -> tuple[bool, str]:
        """Run a stage and save its outputs in the cache, or restore them from it.

        Args:
            stage: Name of the stage.
            lock: Content of dvc.lock with the stages that it depends on; empty for none.
            files: Contents of the dependencies that are not in the cache, such as metrics.

        Returns:
            Whether it succeeded, and what was printed; Ray also shows each line when it is.
        """
        path = self.project / "dvc.lock"
        path.unlink(missing_ok=True)
        if lock:
            path.write_text(lock, encoding="utf-8")
        for name, content in files.items():
            (self.project / name).parent.mkdir(parents=True, exist_ok=True)
            (self.project / name).write_bytes(content)
        repro = ["stages.run_stage", "--pull", "--allow-missing", stage]
        succeeded, printed = self.call(stage, repro)
        if succeeded and self.job.remote:
            return self.call(stage, ["stages.distribution.push"])
        return succeeded, printed

    def call(self, stage: str, arguments: Sequence[str]) -> tuple[bool, str]:
        """Run a module of Python; returns whether it succeeded, and what it printed."""
        process = subprocess.Popen(
            ["bin/python", "-m", *arguments],
            cwd=self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            print(f"[{stage}] {line}", end="", flush=True)
            lines.append(line)
        return process.wait() == 0, "".join(lines)
