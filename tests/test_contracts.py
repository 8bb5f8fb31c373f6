"""What dvc.yaml, params.yaml, the code and the committed results say of each other."""

import ast
import subprocess
from pathlib import Path

import pytest
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from dvc.stage import PipelineStage

from stages import params, report
from stages.files import read_json
from tests.reduced import ROOT, environment

PARAMS = params.load(ROOT / "params.yaml")
SCHEMA = "stages/params.py"  # refuses only, so that nothing depends on it: see dvc.yaml
CLASSIFIER = {"test.accuracy", "test.loss", "test.f1_macro"}
BINARY = CLASSIFIER | {
    "test.roc_auc", "test.false_positive_rate", "test.false_negative_rate",
}  # fmt: skip
TABLE = BINARY | {"cv.accuracy", "cv.accuracy_std", "cv.roc_auc"}
KEYS = {
    "table_mlp": TABLE,
    "recurrent": BINARY,
    "vae": {"test.total_loss", "test.reconstruction_loss", "test.kl_loss"},
    "charrnn": {"validation.loss", "validation.bits_per_char"},
    "points_gan": {
        "test.sliced_wasserstein", "test.sliced_wasserstein_floor", "test.coverage",
        "test.coverage_ceiling",
    },
    "painting": {"train.psnr", "test.psnr"},
}  # fmt: skip
GENERATED = {
    "fashion_gan": {
        "classes_generated", "class_kl", "fid_fashion", "fid_fashion_floor", "fid_fashion_ceiling",
        "discriminator.accuracy",
    },
    "garments_gan": {
        "sliced_wasserstein", "sliced_wasserstein_floor", "discriminator.accuracy"
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def stages() -> dict[str, PipelineStage]:
    with Repo(str(ROOT)) as repo:
        return {stage.addressing: stage for stage in repo.index.stages}


def inside(path: str) -> str:
    return str(Path(path).relative_to(ROOT))


def imported(path: Path) -> set[Path]:
    """The project's modules that the module `path` imports, itself and packages included."""
    found: set[Path] = set()
    waiting = {path}
    while waiting:
        module = waiting.pop()
        found.add(module)
        for node in ast.walk(ast.parse(module.read_text())):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                target = ROOT / name.replace(".", "/")
                for candidate in (target.with_suffix(".py"), target / "__init__.py"):
                    if candidate.is_file() and candidate not in found:
                        waiting.add(candidate)
    return found


def entry_modules(name: str) -> list[Path]:
    """The script of a stage, and the module that it chooses by a parameter."""
    kind, _, key = name.partition("@")
    modules = [ROOT / f"stages/{kind}.py"]
    if kind == "preprocess":
        modules.append(ROOT / f"stages/datasets/{PARAMS.datasets[key].module}.py")
    if kind in {"train", "evaluate"}:
        modules.append(ROOT / f"stages/networks/{PARAMS.models[key].network}.py")
    if kind == "evaluate":
        modules.append(ROOT / f"stages/tasks/{PARAMS.models[key].task}/evaluate.py")
    return modules


def test_the_pipeline_has_a_stage_for_each_dataset_and_model(
    stages: dict[str, PipelineStage],
) -> None:
    expected = {f"download@{key}" for key in PARAMS.downloads}
    expected |= {f"synthesise@{key}" for key in PARAMS.synthetic}
    expected |= {f"preprocess@{key}" for key in PARAMS.datasets}
    expected |= {f"{kind}@{key}" for kind in ("train", "evaluate") for key in PARAMS.models}
    assert set(stages) == expected | {"garments", "report"}
    assert all(stage.desc for stage in stages.values())


def test_each_stage_depends_on_exactly_the_modules_that_it_imports(
    stages: dict[str, PipelineStage],
) -> None:
    for name, stage in stages.items():
        needed = {
            str(path.relative_to(ROOT))
            for module in entry_modules(name)
            for path in imported(module)
            if path.name != "__init__.py"
        }
        deps = [Path(dep.fs_path) for dep in stage.deps]
        named = {inside(str(path)) for path in deps if path.suffix == ".py"}
        for package in (path for path in deps if path.is_relative_to(ROOT / "stages/tasks")):
            named |= {inside(str(path)) for path in package.glob("*.py")}
            named.remove(inside(str(package / "__init__.py")))
        assert named == (needed - {SCHEMA}) | {"stages/__init__.py"}, name


def test_packages_that_no_stage_depends_on_hold_no_code() -> None:
    for path in (ROOT / "stages").glob("*/**/__init__.py"):
        (statement,) = ast.parse(path.read_text()).body
        assert isinstance(statement, ast.Expr), path


def test_each_stage_depends_on_its_own_parameters_alone(stages: dict[str, PipelineStage]) -> None:
    for name, stage in stages.items():
        kind, _, key = name.partition("@")
        keys = {
            key for dep in stage.deps if isinstance(dep, ParamsDependency) for key in dep.params
        }
        assert keys == {
            "download": {f"downloads.{key}"},
            "synthesise": {f"synthetic.{key}"},
            "garments": {"garments"},
            "preprocess": {f"datasets.{key}.preprocess", f"datasets.{key}.facts"},
            "report": {"report"},
        }.get(kind, {f"models.{key}"})


def test_training_does_not_depend_on_test_rows(stages: dict[str, PipelineStage]) -> None:
    for name, stage in stages.items():
        if name.startswith("train@"):
            data = {inside(dep.fs_path) for dep in stage.deps if "data/" in dep.fs_path}
            folder = f"data/processed/{PARAMS.models[name.removeprefix('train@')].dataset}"
            names = ("description.json", "train.npz", "validation.npz")
            assert data == {f"{folder}/{each}" for each in names}


def test_the_report_depends_on_every_model_and_its_template(
    stages: dict[str, PipelineStage],
) -> None:
    deps = {inside(dep.fs_path) for dep in stages["report"].deps}
    assert {f"reports/{model}" for model in PARAMS.models} | {"reports/data"} <= deps
    assert f"stages/templates/{report.TEMPLATE}" in deps


def test_metrics_and_plots_are_in_git_and_the_rest_is_not(
    stages: dict[str, PipelineStage],
) -> None:
    for name, stage in stages.items():
        for out in stage.outs:
            if name == "report":
                continue
            assert bool(out.metric or out.plot) == (not out.use_cache), out


def test_the_lock_has_the_stages_that_there_are(stages: dict[str, PipelineStage]) -> None:
    locked = params.read_yaml(ROOT / "dvc.lock")["stages"]
    assert set(locked) == set(stages)


def test_the_committed_results_are_of_this_code_and_these_parameters() -> None:
    command = ["dvc", "repro", "--dry", "--allow-missing"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert "Running stage" not in done.stdout, "run `dvc repro`, commit dvc.lock and reports/"


@pytest.mark.parametrize("model", PARAMS.models)
def test_the_committed_metrics_have_the_keys_of_the_design(model: str) -> None:
    metrics = report.flatten(read_json(ROOT / f"reports/{model}/metrics.json"))
    expected = GENERATED.get(model) or KEYS.get(PARAMS.models[model].network, CLASSIFIER)
    assert set(metrics) == expected
    assert all(isinstance(value, int | float) for value in metrics.values())
    timing = read_json(ROOT / f"reports/{model}/timing.json")
    assert set(timing) == {"train_seconds", "samples_per_second", "epochs"}


def test_nothing_committed_is_larger_than_a_megabyte() -> None:
    page = ROOT / "reports/index.html"  # all pictures on one page: so much is needed
    assert page.stat().st_size < 4_000_000
    for path in (ROOT / "reports").rglob("*"):
        assert path in {page} or not path.is_file() or path.stat().st_size < 1_000_000, path
