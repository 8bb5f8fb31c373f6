"""The registry and remotes: models reach other projects through S3 and git, without training.

A real server, rclone, keeps the remote on this machine. Consumers clone a bare repository, so that
all files that are not in git come from the server.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests import reduced
from tests.nodes import free_port, is_open

MODEL, ARTIFACT, VERSION = "votes_mlp", "congressional_votes", "v1.0.0"
STAGES = (f"train@{MODEL}", f"calibrate@{MODEL}", f"cross_validate@{MODEL}")
USED = {"model.keras", "spec.json", "calibration.json"}  # by stages.predict
BUCKET, KEY, SECRET = "bucket", "key", "a-secret-of-this-test"
VOTES = reduced.ROOT / "docs/examples/votes.csv"


class Registry(NamedTuple):
    """A published project.

    Attributes:
        source: Folder of the project that trained the model.
        origin: Bare git repository with the project.
        stored: Folder that the server keeps the bucket in.
    """

    source: Path
    origin: Path
    stored: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Start an S3-compatible server; return its address and its folder."""
    folder = tmp_path_factory.mktemp("server")
    (folder / BUCKET).mkdir()
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(folder),
        "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}", "--config", os.devnull,
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}", folder / BUCKET
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Wait until a server accepts connections."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if is_open(port):
            return
        time.sleep(0.05)
    raise AssertionError("the server does not answer")


@pytest.fixture(scope="module", autouse=True)
def _only_these_credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use the key of the server, and neither the configuration nor the cache of the user."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "DVC_STUDIO_TOKEN"):
            patch.delenv(name, raising=False)
        values = {
            "HOME": home, "XDG_CACHE_HOME": home / "cache", "XDG_CONFIG_HOME": home / "config",
            "DVC_SITE_CACHE_DIR": home / "site", "DVC_GLOBAL_CONFIG_DIR": home / "dvc",
            "AWS_CONFIG_FILE": home / "aws", "AWS_SHARED_CREDENTIALS_FILE": home / "aws",
            "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "NO_PROXY": "127.0.0.1",
            "GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "test@localhost",
            "GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@localhost",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }  # fmt: skip
        for name, value in values.items():
            patch.setenv(name, str(value))
        yield


@pytest.fixture(scope="module")
def registry(server: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Train one model, push it to the server, and register and assign a version."""
    url, stored = server
    folder = tmp_path_factory.mktemp("registry")
    source, origin = folder / "source", folder / "origin.git"
    source.mkdir()
    reduced.copy_project(source)
    reduced.run_pipeline(source, *STAGES)
    run(source, "dvc remote add --default storage", f"s3://{BUCKET}/models")
    run(source, "dvc remote modify storage endpointurl", url)
    reduced.commit(source, "results")
    run(source, "dvc push")
    run(source, f"gto register {ARTIFACT} --version {VERSION}")
    run(source, f"gto assign {ARTIFACT} --version {VERSION} --stage production")
    run(folder, "git clone --quiet --bare", str(source), str(origin))
    return Registry(source, origin, stored)


@pytest.fixture(scope="module")
def clone(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone the project to another folder, with no data and an empty cache."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    run(folder.parent, "git clone --quiet", str(registry.origin), str(folder))
    return folder


@pytest.fixture(scope="module")
def answers(clone: Path) -> list[dict[str, object]]:
    """Pull the model into the clone, and return its answers."""
    run(clone, "dvc pull --quiet", *STAGES)
    return predict(clone, MODEL)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Create another DVC project, which has nothing in it."""
    run(tmp_path, "git init --quiet")
    run(tmp_path, "dvc init --quiet")
    return tmp_path


def run(folder: Path, command: str, *arguments: str) -> str:
    """Run a command and return its output.

    Args:
        folder: Folder to run it in.
        command: Program and arguments, separated by spaces.
        arguments: Further arguments, which may contain spaces.
    """
    done = subprocess.run(
        [*command.split(), *arguments],
        cwd=folder, env=reduced.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def predict(project: Path, model: Path | str) -> list[dict[str, object]]:
    """Return the answers of a model for the example of the documentation."""
    answers = run(project, "python -m stages.predict --json", str(model), str(VOTES))
    return [json.loads(line) for line in answers.splitlines()]


def assert_same_model(folder: Path, registry: Registry) -> None:
    """Check that a folder has the files of the trained model that prediction uses."""
    for name in USED:
        trained = registry.source / "models" / MODEL / name
        assert (folder / name).read_bytes() == trained.read_bytes(), name


def test_push_stores_the_outputs_on_the_server(registry: Registry) -> None:
    stages = yaml.safe_load((registry.source / "dvc.lock").read_text())["stages"].values()
    outs = {out["path"]: out["md5"] for stage in stages for out in stage["outs"]}
    cached = {path for path in outs if not path.startswith("reports/") and "history" not in path}
    stored = {"".join(path.parts[-2:]) for path in registry.stored.rglob("*") if path.is_file()}
    assert {f"models/{MODEL}/{name}" for name in USED} <= cached
    assert {outs[path] for path in cached} <= stored


def test_pull_replaces_training_in_a_fresh_clone(
    registry: Registry, clone: Path, answers: list[dict[str, object]]
) -> None:
    folder = clone / "models" / MODEL
    assert_same_model(folder, registry)
    # The data is not needed to know that nothing has to run.
    printed = run(clone, "dvc repro --dry --allow-missing", *STAGES)
    assert "Running stage" not in printed
    assert printed.count("didn't change, skipping") >= len(STAGES)
    assert len(answers) == len(VOTES.read_text().splitlines()) - 1
    assert run(clone, "git status --porcelain") == ""


def test_after_a_pull_with_dependencies_all_is_up_to_date(clone: Path) -> None:
    run(clone, "dvc pull --quiet --with-deps", *STAGES)
    assert "up to date" in run(clone, "dvc status", *STAGES)


def test_pull_without_the_key_of_the_server_fails(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    run(tmp_path, "git clone --quiet", str(registry.origin), "clone")
    with pytest.raises(
        AssertionError, match=r"(?s)dvc pull.*(Forbidden|SignatureDoesNotMatch|403)"
    ):
        run(tmp_path / "clone", "dvc pull", STAGES[0])


def test_versions_are_tags_that_gto_shows(registry: Registry, clone: Path) -> None:
    tags = run(registry.source, "git tag").split()
    assert tags == [f"{ARTIFACT}#production#1", f"{ARTIFACT}@{VERSION}"]
    shown = json.loads(run(clone, "gto show --json", ARTIFACT))
    assert [each["version"] for each in shown] == [VERSION]
    assert run(clone, "gto show --ref", f"{ARTIFACT}#production").strip() == f"{ARTIFACT}@{VERSION}"


@pytest.mark.parametrize("choice", [(), ("--stage", "production")])
def test_a_version_of_an_artifact_is_downloaded_by_name(
    registry: Registry, tmp_path: Path, choice: tuple[str, ...]
) -> None:
    run(tmp_path, "dvc artifacts get", str(registry.origin), ARTIFACT, *choice)
    assert_same_model(tmp_path / MODEL, registry)


def test_an_artifact_without_a_version_is_not_found(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="Unable to find artifact 'mnist'"):
        run(tmp_path, "dvc artifacts get", str(registry.origin), "mnist")


def test_a_model_is_imported_into_another_project(
    registry: Registry, clone: Path, other: Path, answers: list[dict[str, object]]
) -> None:
    version = f"{ARTIFACT}@{VERSION}"
    run(other, "dvc import", str(registry.origin), f"models/{MODEL}", "--rev", version)
    assert_same_model(other / MODEL, registry)
    (dependency,) = yaml.safe_load((other / f"{MODEL}.dvc").read_text())["deps"]
    trained = run(registry.source, "git rev-parse HEAD").strip()
    assert dependency["repo"]["rev_lock"] == trained
    assert f"/{MODEL}" in (other / ".gitignore").read_text()
    assert predict(clone, other / MODEL) == answers


def test_one_file_is_downloaded_without_history(registry: Registry, tmp_path: Path) -> None:
    run(tmp_path, "dvc get", str(registry.origin), f"models/{MODEL}/spec.json")
    assert json.loads((tmp_path / "spec.json").read_text())["model"] == MODEL
