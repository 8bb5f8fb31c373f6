"""The GitHub workflow, run like a runner would run it."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOW = yaml.safe_load((GITHUB / "workflows/ci.yml").read_text())
MAKE = shutil.which("make")
STUB = """#!/bin/bash
command="$(basename "$0") $*"
echo "$command" >> "$LOG"
case "$command" in
  *tests.reduced*) mkdir -p "$3/comparison" ;;
  *tests.compare*) echo "a table" > "$3/comparison/comparison.md" ;;
  *--paginate*) echo "$COMMENTS" ;;
  *body=@*) cp "${command##*body=@}" "$LOG.body" ;;
esac
[ -z "$FAILING" ] || [[ "$command" != *"$FAILING"* ]]
"""
PULL_REQUEST = {
    "github.event.pull_request.head.repo.full_name": "owner/name",
    "github.event.pull_request.number": 7,
    "github.event.pull_request.head.sha": "abc",
}
FORK = {**PULL_REQUEST, "github.event.pull_request.head.repo.full_name": "other/name"}
PUSH = dict.fromkeys(PULL_REQUEST)


class Runner:
    """Runs the steps of a job like GitHub: each in a shell, with the variables of earlier steps.

    Attributes:
        ran: Names or actions of the steps that were not skipped.
        failed: True if a step failed.
        log: Commands that replaced expensive or remote programs.
    """

    def __init__(
        self, folder: Path, event: dict[str, Any], *, cached: bool, failing: str, comments: str
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.workspace = folder / "workspace"
        self.files = {
            name: folder / name.lower()
            for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "LOG")
        }
        for file in self.files.values():
            file.touch()
        stubs = folder / "stubs"
        for stub in (stubs / "make", stubs / "gh", self.workspace / ".venv/bin/python"):
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.write_text(STUB)
            stub.chmod(0o755)
        if cached:
            (self.workspace / ".venv/ready").touch()
            os.utime(self.workspace / ".venv/ready", (86400, 86400))
        shutil.copytree(GITHUB, self.workspace / ".github")
        for name in ("params.yaml", "Makefile", "requirements.lock"):
            shutil.copy(ROOT / name, self.workspace / name)
        (folder / "temp").mkdir()
        self.environment = {
            "PATH": f"{stubs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "RUNNER_TEMP": str(folder / "temp"),
            "GITHUB_REPOSITORY": "owner/name",
            "FAILING": failing,
            "COMMENTS": comments,
            **{name: str(file) for name, file in self.files.items()},
        }
        self.values = {
            **event,
            "github.repository": "owner/name",
            "github.sha": "def",
            "github.token": "token",
            "runner.temp": str(folder / "temp"),
            "runner.os": "Linux",
            "runner.arch": "X64",
            "steps.python.outputs.python-version": "3.11.9",
            "steps.environment.outputs.cache-hit": str(cached).lower(),
            "steps.data.outputs.cache-hit": str(cached).lower(),
            "steps.results.outputs.artifact-url": "https://example.org/results",
        }
        self.ran: list[str] = []
        self.keys: dict[str, str] = {}
        self.failed = False

    @property
    def log(self) -> list[str]:
        return self.files["LOG"].read_text().splitlines()

    @property
    def summary(self) -> str:
        return self.files["GITHUB_STEP_SUMMARY"].read_text()

    @property
    def comment(self) -> str:
        return Path(f"{self.files['LOG']}.body").read_text()

    def evaluate(self, expression: str) -> Any:
        """Evaluate an expression; an unknown name is an error."""
        code = re.sub(r"hashFiles\('(.+?)'\)", r"'hash of \1'", expression)
        code = code.replace("!cancelled()", "True").replace("&&", " and ").replace("||", " or ")
        code = re.sub(
            r"'[^']*'|\b[a-z_]+(?:\.[\w-]+)+",
            lambda found: found[0] if found[0][0] == "'" else repr(self.values[found[0]]),
            code,
        )
        return eval(code.strip(), {"__builtins__": {}})

    def fill(self, text: Any) -> str:
        """Evaluate the expressions in a text."""
        return re.sub(r"\${{(.+?)}}", lambda found: str(self.evaluate(found[1])), str(text))

    def is_due(self, step: dict[str, Any]) -> bool:
        """Return whether a step runs; after a failure, its condition must include the status."""
        condition = str(step.get("if", "true")).removeprefix("${{").removesuffix("}}")
        if self.failed and "cancelled()" not in condition:
            return False
        return condition == "true" or bool(self.evaluate(condition))

    def run(self, steps: list[dict[str, Any]]) -> None:
        """Run steps, and for an action of this repository, its steps."""
        for step in steps:
            due = self.is_due(step)
            if due and step.get("uses", "").startswith("./"):
                action = self.workspace / step["uses"] / "action.yml"
                self.run(yaml.safe_load(action.read_text())["runs"]["steps"])
                continue
            succeeded = due and ("run" not in step or self.run_shell(step))
            if due:
                self.ran.append(step.get("name") or step["uses"])
                if "key" in step.get("with", {}):
                    self.keys[step["id"]] = self.fill(step["with"]["key"])
            self.failed |= due and not succeeded
            outcome = "skipped" if not due else "success" if succeeded else "failure"
            self.values[f"steps.{step.get('id')}.outcome"] = outcome

    def run_shell(self, step: dict[str, Any]) -> bool:
        """Run the script of a step, and return whether it succeeded."""
        options = ["--noprofile", "--norc", "-eo", "pipefail"] if "shell" in step else ["-e"]
        exported = self.files["GITHUB_ENV"].read_text().splitlines()
        environment = {
            **self.environment,
            **dict(line.split("=", 1) for line in exported),
            **{name: self.fill(value) for name, value in step.get("env", {}).items()},
        }
        command = ["bash", *options, "-c", self.fill(step["run"])]
        done = subprocess.run(command, cwd=self.workspace, env=environment, check=False)
        for line in self.files["GITHUB_OUTPUT"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.values[f"steps.{step['id']}.outputs.{name}"] = value
        self.files["GITHUB_OUTPUT"].write_text("")
        return done.returncode == 0


Run = Callable[..., Runner]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a job of the workflow."""

    def run_job(
        job: str,
        event: dict[str, Any] = PULL_REQUEST,
        cached: bool = True,
        failing: str = "",
        comments: str = "",
    ) -> Runner:
        runner = Runner(tmp_path, event, cached=cached, failing=failing, comments=comments)
        runner.run(WORKFLOW["jobs"][job]["steps"])
        return runner

    return run_job


CACHED = ["make .venv/ready"]


def test_a_change_is_linted_and_tested(run: Run) -> None:
    runner = run("test")
    assert runner.log == [*CACHED, "make lint", "make test"]
    assert not runner.failed


@pytest.mark.parametrize(
    ("failing", "log"),
    [
        (".venv/ready", CACHED),
        ("lint", [*CACHED, "make lint"]),
        ("test", [*CACHED, "make lint", "make test"]),
    ],
)
def test_a_failed_step_fails_the_job(run: Run, failing: str, log: list[str]) -> None:
    runner = run("test", failing=failing)
    assert runner.failed
    assert runner.log == log


def test_a_change_is_compared_and_published(run: Run) -> None:
    runner = run("reduced")
    folder = runner.values["runner.temp"] + "/reduced"
    assert runner.log[:3] == [
        *CACHED,
        f"python -m tests.reduced {folder}",
        f"python -m tests.compare {folder}",
    ]
    assert "Upload the results" in runner.ran
    assert runner.summary == runner.comment
    assert runner.summary.splitlines() == [
        "<!-- reduced pipeline -->",
        "a table",
        "",
        "[Charts, images, report and new baseline](https://example.org/results) of abc.",
    ]
    assert not runner.failed


def test_a_failed_comparison_is_published_and_fails_the_job(run: Run) -> None:
    runner = run("reduced", failing="tests.compare")
    assert runner.failed
    assert runner.ran[-3:] == [
        "Compare with the baseline", "Upload the results", "Publish the comparison",
    ]  # fmt: skip
    assert "a table" in runner.summary
    assert "a table" in runner.comment


def test_a_pipeline_that_fails_has_nothing_to_publish(run: Run) -> None:
    runner = run("reduced", failing="tests.reduced")
    assert runner.failed
    assert runner.ran[-1] == "Run the reduced pipeline"
    assert not runner.summary


def test_the_first_comment_is_created(run: Run) -> None:
    comments = "repos/owner/name/issues/7/comments"
    search, creation = run("reduced").log[-2:]
    assert search.startswith(f"gh api --paginate {comments} --jq ")
    assert '.user.login == "github-actions[bot]"' in search
    assert 'startswith("<!-- reduced pipeline -->")' in search
    assert creation.startswith(f"gh api --silent --method POST {comments} --field body=@")


def test_an_existing_comment_is_updated(run: Run) -> None:
    runner = run("reduced", comments="1234")
    changed = "gh api --silent --method PATCH repos/owner/name/issues/comments/1234 --field body=@"
    assert runner.log[-1].startswith(changed)
    assert "a table" in runner.comment


@pytest.mark.parametrize("method", ["--paginate", "POST"])
def test_a_comment_that_fails_is_not_hidden(run: Run, method: str) -> None:
    runner = run("reduced", failing=method)
    assert runner.failed
    assert "a table" in runner.summary


@pytest.mark.parametrize("event", [FORK, PUSH])
def test_without_a_pull_request_of_this_repository_there_is_no_comment(
    run: Run, event: dict[str, Any]
) -> None:
    runner = run("reduced", event)
    assert "a table" in runner.summary
    assert ("of def." in runner.summary) == (event is PUSH)
    assert not [line for line in runner.log if line.startswith("gh")]
    assert not runner.failed


@pytest.mark.parametrize("cached", [True, False])
def test_data_is_downloaded_unless_it_is_cached(run: Run, cached: bool) -> None:
    runner = run("test", cached=cached)
    home = runner.environment["HOME"]
    assert (f"python -m stages.mirror {home}/datasets" in runner.log) != cached
    assert f"DATASETS_MIRROR={home}/datasets" in runner.files["GITHUB_ENV"].read_text()


def test_make_keeps_a_cached_environment(run: Run) -> None:
    """A cached file is older than the lock, which the checkout has just written."""
    runner = run("test")
    make = [str(MAKE), "--question", ".venv/ready"]
    assert subprocess.run(make, cwd=runner.workspace, check=False).returncode == 0
    os.utime(runner.workspace / ".venv/ready", (86400, 86400))
    assert subprocess.run(make, cwd=runner.workspace, check=False).returncode == 1


def test_the_cache_of_the_data_depends_on_the_downloads_only(tmp_path: Path) -> None:
    keys = []
    text = (ROOT / "params.yaml").read_text()
    changes = {"as it is": ("", ""), "model": ("dropout: 0.2", "dropout: 0.3")}
    changes |= {"hash": ("sha256: ba89", "sha256: ba90"), "dataset": ("max_length: 400", "x: 1")}
    for name, (old, new) in changes.items():
        assert old in text
        folder = tmp_path / name.replace(" ", "_")
        runner = Runner(folder, PUSH, cached=True, failing="", comments="")
        (runner.workspace / "params.yaml").write_text(text.replace(old, new, 1) if old else text)
        runner.run(WORKFLOW["jobs"]["test"]["steps"])
        keys.append(runner.keys["data"])
    assert re.fullmatch(r"datasets-[0-9a-f]{16}", keys[0])
    assert [key == keys[0] for key in keys] == [True, True, False, True]
    expected = "environment-Linux-X64-3.11.9-hash of requirements.lock"
    assert runner.keys["environment"] == expected


def all_steps() -> list[dict[str, Any]]:
    action = yaml.safe_load((GITHUB / "actions/setup/action.yml").read_text())
    return [
        *action["runs"]["steps"],
        *(step for job in WORKFLOW["jobs"].values() for step in job["steps"]),
    ]


def test_actions_are_pinned_to_a_version_or_of_this_repository() -> None:
    used = [step["uses"] for step in all_steps() if "uses" in step]
    for name in used:
        if name.startswith("./"):
            assert (ROOT / name / "action.yml").is_file()
        else:
            assert re.fullmatch(r"(\w+/[\w-]+@v|docker://\w+/\w+:)\d+\.\d+\.\d+", name), name
    assert len(used) > 5


def test_only_the_job_that_comments_may_write() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [name for name, job in WORKFLOW["jobs"].items() if "permissions" in job] == ["reduced"]
    assert WORKFLOW["jobs"]["reduced"]["permissions"] == {
        "contents": "read", "pull-requests": "write",
    }  # fmt: skip


@pytest.mark.skipif(not shutil.which("actionlint"), reason="actionlint is not installed")
def test_the_workflow_passes_actionlint() -> None:
    command = ["actionlint", "-no-color", str(GITHUB / "workflows/ci.yml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
