"""The commands in the documentation exist."""

import fnmatch
import operator
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path

import pytest
import yaml
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser
from yamlcore import CCoreLoader

from tests.documents import commands

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GIT = {"add", "checkout", "clone", "commit", "diff", "init", "log", "push", "restore", "status"}
PARAMS = yaml.load((ROOT / "params.yaml").read_bytes(), Loader=CCoreLoader)
PIPELINE = yaml.load((ROOT / "dvc.yaml").read_bytes(), Loader=CCoreLoader)
STAGES = PIPELINE["stages"]
# In a process of its own: the import of gto closes the handlers of logging, absl's with stderr.
PARSE_GTO = """
import sys
import click
from gto.cli import app
try:
    name, command, rest = app.resolve_command(click.Context(app), sys.argv[1:])
    print(command.make_context(name, rest).params.get("name") or "")
except click.UsageError as error:
    sys.exit(error.format_message())
"""
OVERLAYS = {name for chart in PIPELINE["plots"] for name in chart}


ALL = sorted({(path.name, each) for path in DOCUMENTS for each in commands(path.read_text())})


def find_problem(command: str) -> str:
    """Return the problem of a command; empty if it is valid."""
    program, *arguments = shlex.split(command)
    find: Callable[[list[str]], str] = {
        "git": find_problem_of_git,
        "make": find_problem_of_make,
        "python": find_problem_of_python,
        "dvc": find_problem_of_dvc,
        "gto": find_problem_of_gto,
        "rclone": find_problem_of_rclone,
    }[program]
    return find(arguments)


def find_problem_of_git(arguments: list[str]) -> str:
    """Return the problem of a git command; empty if it is a usual one."""
    return "" if arguments[0] in GIT else f"unknown git command {arguments[0]}"


def find_problem_of_make(arguments: list[str]) -> str:
    """Return the problem of a make command; empty if it has these targets."""
    targets = [argument for argument in arguments if "=" not in argument]
    missing = [target for target in targets if not is_target(target)]
    return f"no target {', '.join(missing)}" if missing else ""


def find_problem_of_python(arguments: list[str]) -> str:
    """Return the problem of a python command; empty if it runs a module of the project."""
    module = ROOT / arguments[1].replace(".", "/")
    exists = module.with_suffix(".py").is_file() or (module / "__main__.py").is_file()
    return "" if arguments[0] == "-m" and exists else f"no module {arguments[1]}"


def find_problem_of_dvc(arguments: list[str]) -> str:
    """Return the problem of a dvc command; empty if dvc can parse it, and what it names exists."""
    try:
        get_main_parser().parse_args(arguments)
    except (DvcParserError, SystemExit):
        return "dvc does not know it"
    if arguments[:2] == ["artifacts", "get"] and arguments[3] not in PIPELINE["artifacts"]:
        return f"no artifact {arguments[3]}"
    return "; ".join(filter(None, map(find_wrong_name, arguments)))


def find_problem_of_gto(arguments: list[str]) -> str:
    """Return the problem of a gto command; empty if gto can parse it and knows the artifact."""
    command = [sys.executable, "-c", PARSE_GTO, *arguments]
    parsed = subprocess.run(command, capture_output=True, text=True, check=False)
    if parsed.returncode:
        return parsed.stderr.strip()
    artifact = re.split("[@#]", parsed.stdout.strip())[0]
    return "" if artifact in {"", *PIPELINE["artifacts"]} else f"no artifact {artifact}"


def find_problem_of_rclone(arguments: list[str]) -> str:
    """Return the problem of an rclone command; empty if it has these subcommands and options."""
    program = str(Path(sys.executable).with_name("rclone"))
    shown = subprocess.run(
        [program, *arguments[:2], "--help"], capture_output=True, text=True, check=False
    ).stdout
    if f"rclone {' '.join(arguments[:2])}" not in shown:
        return f"unknown rclone command {' '.join(arguments[:2])}"
    options = [each for each in arguments if each.startswith("--")]
    missing = [each for each in options if not re.search(rf"^ +{each} ", shown, re.MULTILINE)]
    return f"no option {', '.join(missing)}" if missing else ""


def is_target(target: str) -> bool:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE) is not None


def find_wrong_name(argument: str) -> str:
    """Return the problem of the stage, parameter or path in an argument; empty if it is valid."""
    if re.fullmatch(r"[a-z_]+@[a-z0-9_*]+", argument):
        stage, _, key = argument.partition("@")
        if stage not in STAGES:
            return f"no stage {stage}"
        keys = STAGES[stage]["foreach"].strip("${}").split(".")
        section = reduce(operator.getitem, keys, PARAMS)
        known = [name for name in section if re.fullmatch(key.replace("*", ".*"), name)]
        return "" if known else f"no {argument}"
    if found := re.match(r"(?:reports|models)/([a-z0-9_*]+)/", argument):
        known = fnmatch.filter(PARAMS["models"], found[1])
        return "" if known else f"no model {found[1]}"
    if argument.endswith("_error"):
        return "" if argument in OVERLAYS else f"no chart {argument}"
    if "=" in argument:
        values = PARAMS
        for key in argument.partition("=")[0].split("."):
            if key not in values:
                return f"no parameter {argument}"
            values = values[key]
    return ""


@pytest.mark.parametrize(("document", "command"), ALL)
def test_a_documented_command_exists(document: str, command: str) -> None:
    assert find_problem(command) == "", f"{document}: {command}"


@pytest.mark.parametrize(
    "command",
    [
        "make nonsense",
        "python -m stages.nonsense",
        "git nonsense",
        "dvc nonsense",
        "dvc artifacts get URL nonsense",
        "gto nonsense",
        "gto register mnist --nonsense",
        "gto register nonsense",
        "rclone serve nonsense",
        "rclone serve s3 folder --nonsense",
        "dvc repro --nonsense",
        "dvc repro evaluate@nonsense",
        "dvc repro nonsense@votes_mlp",
        "dvc metrics show reports/nonsense/metrics.json",
        "dvc metrics show reports/nonsense_*/metrics.json",
        "dvc plots show nonsense_error",
        "dvc exp run -S models.votes_mlp.nonsense=1",
    ],
)
def test_an_invalid_command_is_found(command: str) -> None:
    assert find_problem(command)


def test_commands_are_found_in_text() -> None:
    text = "Run `make a` or `x`.\n```sh\ndvc b --c  # d\ngit e && python -m f\ncd g\n```\n`dvc h`"
    assert commands(text) == ["dvc b --c", "git e", "python -m f", "make a", "dvc h"]
    assert len(ALL) > 20


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_paths_and_parameters_in_documents_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https://") or (path.parent / link).exists(), link
    for name in re.findall(r"`((?:stages|tests|docs|benchmarks|data/own)/[^`<]*)`", text):
        assert (ROOT / name).exists(), name
    for key in re.findall(r"`((?:models|datasets|downloads)\.[a-z_.]+)`", text):
        values = PARAMS
        for part in key.split("."):
            assert part in values, key
            values = values[part]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_do_not_advise_to_lose_work(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").split("\n\n"):
        if "git checkout ." in line and "git checkout . &&" in line:
            assert "Do not undo anything else" in line or "Never" in line
