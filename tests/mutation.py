"""Mutation testing: would the tests detect a mistake in the code?

python -m tests.mutation [listed|fresh] [--seed 0] [--count 300] [--only REGEX] [--tests REGEX]

A mutant is a module with one small mistake: those listed in tests/mutants.yaml, which a review
found undetected or which matter most, and fresh ones drawn at random (tests/mutants.py). Each is
put into a copy of the project, where the unit and training tests that call the changed function
run, those that import its module first, until one fails: then the mutant is caught.

TensorFlow and other large libraries are imported once, and each test file runs in a fork of this
process. That is safe because TensorFlow starts no thread before its first operation (Linux only).

One line per mutant is printed. The exit status is 1 if fewer than 90 % of the mutants were caught,
not counting those that tests/mutants.yaml lists as equivalent to the code.
"""

import argparse
import ast
import hashlib
import importlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import Phase, settings

from tests.mutants import Mutant, find_mutants, replace_once

ROOT = Path(__file__).parent.parent
LISTED = "tests/mutants.yaml"
LIBRARIES = (
    "tensorflow", "keras", "matplotlib.pyplot", "pandas", "PIL.Image", "pydantic", "scipy.stats",
    "sklearn.metrics", "sklearn.model_selection", "tqdm", "yamlcore",
)  # fmt: skip
MODULES = (
    "stages/metrics/*.py",
    "stages/datasets/*.py",
    "stages/encoding/*.py",
    "stages/pipelines/*.py",
    "stages/learning/*.py",
    "stages/networks/*/*.py",
    "stages/inference/*.py",
    "stages/config/[!_]*.py",
    "stages/core/splits.py",
    "stages/tasks/*/evaluate.py",
    "stages/tasks/classification/cross_validation.py",
)
TESTS = ("tests/unit/test_*.py", "tests/training/test_*.py")
REQUIRED = 0.9  # of the mutants must be caught


class TestFile(NamedTuple):
    """A file of tests, measured without a mutant.

    Attributes:
        path: Path relative to the project.
        called: Functions that ran, as "module:function".
        seconds: CPU time in seconds.
    """

    path: str
    called: frozenset[str]
    seconds: float


class Result(NamedTuple):
    """The result of a mutant.

    Attributes:
        mutant: Mutant.
        status: caught, SURVIVED or equivalent.
        by: Test that failed, or the number of test files that passed.
        seconds: CPU time of the tests in seconds.
    """

    mutant: Mutant
    status: str
    by: str
    seconds: float


def main() -> None:
    """Check mutants and print the results."""
    parser = argparse.ArgumentParser(description="Mutation testing; see tests/mutation.py.")
    parser.add_argument("kind", nargs="?", choices=["listed", "fresh"], help="default: both")
    parser.add_argument("--seed", type=int, default=0, help="seed of the fresh mutants")
    parser.add_argument("--count", type=int, default=300, help="number of fresh mutants")
    parser.add_argument("--only", default="", help="only mutants whose line in the output matches")
    parser.add_argument("--tests", default="", help="only test files that match")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        project = Path(name)
        copy_project(project)
        mutants = listed_mutants(project) if options.kind != "fresh" else []
        if options.kind != "listed":
            mutants += draw(project, options.count, options.seed)
        mutants = [each for each in mutants if re.search(options.only, label(each))]
        import_libraries()
        tests = TestFiles(project, options.tests)
        equivalent = read_list(project)["equivalent"]
        results = [report(check(project, each, tests, equivalent)) for each in mutants]
    sys.exit(summarize(results))


def copy_project(folder: Path) -> None:
    """Copy the current files of the project, except trained models, to an empty folder."""
    from tests.reduced import git

    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file() and not name.startswith("models/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def read_list(project: Path) -> dict[str, list[dict[str, str]]]:
    """Read tests/mutants.yaml: the mutants `listed`, and fresh ones that are `equivalent`."""
    lists: dict[str, list[dict[str, str]]] = yaml.safe_load((project / LISTED).read_text())
    return lists


def listed_mutants(project: Path) -> list[Mutant]:
    """Return the mutants of tests/mutants.yaml."""
    return [
        replace_once(source=(project / each["file"]).read_text(), **each)
        for each in read_list(project)["listed"]
    ]


def draw(project: Path, count: int, seed: int) -> list[Mutant]:
    """Draw fresh mutants of MODULES at random.

    A larger count starts with the same mutants, and a change of the code affects only nearby ones.
    """
    ranked, seen = [], Counter[str]()
    for path in sorted(path for pattern in MODULES for path in project.glob(pattern)):
        for mutant in find_mutants(str(path.relative_to(project)), path.read_text()):
            name = f"{seed} {mutant.file} {mutant.function} {mutant.change}"
            seen[name] += 1
            rank = hashlib.sha256(f"{name} {seen[name]}".encode()).digest()
            ranked.append((rank, mutant))
    return [mutant for _, mutant in sorted(ranked, key=itemgetter(0))[:count]]


def import_libraries() -> None:
    """Import the large libraries, but nothing of the project."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in LIBRARIES:
        importlib.import_module(name)


def imported(source: str) -> frozenset[str]:
    """Return the modules that a module imports; for `from a import b` both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


class TestFiles:
    """The files of tests. Each is measured, by a run without a mutant, when it is needed.

    Args:
        project: Folder of the project.
        wanted: Regular expression of the file names.
    """

    def __init__(self, project: Path, wanted: str) -> None:
        self.project = project
        paths = sorted(path for pattern in TESTS for path in project.glob(pattern))
        names = [str(path.relative_to(project)) for path in paths]
        self.names = [name for name in names if re.search(wanted, name)]
        self.measured: dict[str, TestFile | None] = {}

    def calling(self, mutant: Mutant) -> Iterator[TestFile]:
        """Yield the files that call the changed function, first those that import its module."""
        module = mutant.file.removesuffix(".py").replace("/", ".")

        def order(name: str) -> tuple[bool, bool]:
            imports = imported((self.project / name).read_text())
            return module not in imports, name.startswith("tests/training/")

        for name in sorted(self.names, key=order):
            if name not in self.measured:
                self.measured[name] = self.measure(name)
            test = self.measured[name]
            if test and f"{module}:{mutant.function}" in test.called:
                yield test

    def measure(self, name: str) -> TestFile | None:
        """Run a file without a mutant; if it fails, this is reported, and it is not used."""
        found, seconds = in_fork(lambda: observe(self.project, name), limit=3600)
        if found is None or found["failure"]:
            failure = found and found["failure"]
            print(f"not used: {name} fails without a mutant: {failure}", flush=True)
            return None
        return TestFile(name, frozenset(found["called"]), seconds)


def check(
    project: Path, mutant: Mutant, tests: TestFiles, equivalent: Sequence[dict[str, str]]
) -> Result:
    """Run the tests that may detect a mutant, until one fails.

    Args:
        project: Folder of the project, whose module is changed meanwhile.
        mutant: Mutant to check.
        tests: Test files of the project.
        equivalent: File, function and change of mutants that no test can detect.
    """
    named = {"file": mutant.file, "function": mutant.function, "change": mutant.change}
    if any(each.items() >= named.items() for each in equivalent):
        return Result(mutant, "equivalent", "", 0)
    count, total = 0, 0.0
    for test in tests.calling(mutant):
        failure, seconds = run_changed(project, mutant, test)
        count, total = count + 1, total + seconds
        if failure != "":
            by = failure or f"{test.path}: killed or too slow"
            return Result(mutant, "caught", by, total)
    return Result(mutant, "SURVIVED", f"{count} test files", total)


def run_changed(project: Path, mutant: Mutant, test: TestFile) -> tuple[str | None, float]:
    """Run a test file with a mutant; return its first failure, if any, and the CPU time."""
    path = project / mutant.file
    original = path.read_text()
    path.write_text(mutant.mutate())
    try:
        return in_fork(lambda: run(project, test.path), limit=20 + round(4 * test.seconds))
    finally:
        path.write_text(original)


def in_fork(work: Callable[[], Any], limit: int) -> tuple[Any, float]:
    """Call `work` in a forked process.

    Args:
        work: Function that returns a JSON value. Its output is discarded.
        limit: CPU time in seconds after which it is killed; also after 100 times as much real time.

    Returns:
        Value, or None if there is none, and the CPU time in seconds.
    """
    with tempfile.NamedTemporaryFile("r") as answer:
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(100 * limit)
                with Path(os.devnull).open("r+") as nowhere:
                    for descriptor in range(3):
                        os.dup2(nowhere.fileno(), descriptor)
                Path(answer.name).write_text(json.dumps(work()))
            finally:
                os._exit(0)
        _, _, usage = os.wait4(pid, 0)
        with suppress(ProcessLookupError):  # processes that it left running
            os.killpg(pid, signal.SIGKILL)
        content = answer.read()
    return json.loads(content) if content else None, usage.ru_utime + usage.ru_stime


def run(project: Path, test: str) -> str:
    """Run a test file of a project until a test fails; return that test, or an empty string."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"stages", "tests"}]:
        del sys.modules[name]
    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    os.chdir(project)
    sys.path[0] = str(project)
    phases = [Phase.explicit, Phase.generate]  # no shrinking
    settings.register_profile("mutation", derandomize=True, deadline=None, phases=phases)
    options = ["-x", "-o", "addopts=", "-p", "no:cacheprovider", f"--rootdir={project}"]
    options += ["-p", "_hypothesis_pytestplugin", "--hypothesis-profile=mutation"]
    first = FirstFailure()
    status = pytest.main([*options, test], plugins=[first])
    return (first.name or f"{test}: {status!r}") if status else ""


class FirstFailure:
    """A pytest plugin that stores the first test, or file, that fails."""

    name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Store a failed test."""
        if report.failed and not self.name:
            self.name = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Store a file that cannot be imported."""
        if report.failed and not self.name:
            self.name = f"{report.nodeid}: not imported"


def observe(project: Path, test: str) -> dict[str, Any]:
    """Run a test file; return its first failure and the called functions of stages."""
    called = set[str]()

    def trace(frame: FrameType, event: str, argument: Any) -> None:
        del event, argument
        module = frame.f_globals.get("__name__") or ""
        if module.startswith("stages."):  # "tf__": converted by AutoGraph
            called.add(f"{module}:{frame.f_code.co_name.removeprefix('tf__')}")

    threading.settrace(trace)
    sys.settrace(trace)
    failure = run(project, test)
    sys.settrace(None)
    return {"failure": failure, "called": sorted(called)}


def label(mutant: Mutant) -> str:
    """Return the location and the change of a mutant."""
    return f"{mutant.file}:{mutant.line}  {mutant.change}"


def report(result: Result) -> Result:
    """Print the result of a mutant."""
    print(
        f"{result.status:10}  {label(result.mutant)}  [{result.by}, {result.seconds:.0f} s]",
        flush=True,
    )
    return result


def summarize(results: Sequence[Result]) -> int:
    """Print the survivors and the score; return the exit status, 1 if the score is too low."""
    counted = [result for result in results if result.status != "equivalent"]
    survivors = [result for result in counted if result.status == "SURVIVED"]
    caught, total = len(counted) - len(survivors), max(len(counted), 1)
    print(f"\n{len(survivors)} survived:")
    for result in survivors:
        print(f"  {label(result.mutant)}")
    seconds = sum(result.seconds for result in counted) / total
    print(
        f"{caught} of {len(counted)} mutants caught ({caught / total:.1%}), {seconds:.1f} s of "
        f"CPU time each; {len(results) - len(counted)} more are equivalent to the code"
    )
    return int(caught / total < REQUIRED)


if __name__ == "__main__":
    main()
