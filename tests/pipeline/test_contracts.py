"""Consistency of dvc.yaml, params.yaml, the code and the committed results."""

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from dvc.stage import PipelineStage

from stages.config.load import load_params, read_yaml
from stages.core.files import flatten, read_json
from stages.page.captions import describe_dataset
from stages.page.results import read_metrics
from stages.studies import training
from tests.reduced import ROOT, environment

PARAMS = load_params(ROOT / "params.yaml")
ANALYSES = set(type(PARAMS.analyses).model_fields)
CENTERED = set(PARAMS.analyses.robustness.centered.models)  # trained again without augmentation
CONFIG = ROOT / "stages/config"  # only validates, so that no stage depends on it: see dvc.yaml
CLASSIFIER = {"test.accuracy", "test.loss", "test.f1_macro"}
BINARY = CLASSIFIER | {
    "test.roc_auc", "test.false_positive_rate", "test.false_negative_rate",
}  # fmt: skip
CROSS_VALIDATED = {"cv.accuracy", "cv.accuracy_std", "cv.roc_auc"}
KEYS = {
    "tabular_mlp": BINARY,
    "text_rnn": BINARY,
    "text_cnn": BINARY,
    "ngrams": BINARY,
    "word2vec": {
        "test.accuracy",
        "test.loss",
        "analogies.accuracy",
        "random_vectors.accuracy",
    },
    "toy_mlp": BINARY,
    "draw": {"test.total_loss", "test.reconstruction_loss", "test.kl_loss", "test.elbo"},
    "vae": {"test.total_loss", "test.reconstruction_loss", "test.kl_loss", "test.elbo"},
    "cvae": {
        "samples.accuracy", "samples.worst_accuracy", "evaluator.accuracy", "frechet_distance",
        "test.total_loss", "test.reconstruction_loss", "test.kl_loss", "test.elbo",
        "latent.neighbor_accuracy",
    },
    "char_rnn": {"test.loss", "test.bits_per_char"},
    "fourier_mlp": {"train.psnr", "test.psnr"},
    "tcn": {
        "test.mae",
        "test.mae_naive",
        "test.mae_seasonal_naive",
        "test.mae_linear",
        "test.skill_score",
        "test.skill_score_linear",
    },
}  # fmt: skip
SEARCH = {
    f"{representation}.{measure}"
    for representation in ("latent", "pca", "pixels")
    for measure in ("precision_at_10", "neighbor_accuracy", "cluster_accuracy")
}
AUTOENCODED = {
    "fashion_autoencoder": {"test.psnr", "pca.psnr"} | SEARCH,
    "fashion_denoising": {
        f"{method}.psnr" for method in ("test", "corrupted", "gaussian_filter", "median_filter")
    },
    "garments_colorization": {f"{method}.psnr" for method in ("test", "corrupted", "mean_color")},
}
CLASSES = {
    "classes_covered", "class_kl", "frechet_distance", "frechet_distance_train",
    "frechet_distance_noise", "discriminator.accuracy",
}  # fmt: skip
GENERATED = {
    "dates_seq2seq": {"test.exact_match_accuracy", "test.character_accuracy"},
    "digits_captioning": {"test.exact_match_accuracy", "test.word_accuracy"},
    "fashion_gan": CLASSES,
    "mnist_gan": CLASSES,
    "garments_gan": {"sliced_wasserstein", "sliced_wasserstein_train", "discriminator.accuracy"},
}  # fmt: skip
EXPLORED = {
    "inversion.psnr_start", "inversion.psnr", "inversion.same_class_start", "inversion.same_class",
    *(f"attributes.{name}.{rate}success_rate" for name in ("thickness", "slant", "width")
      for rate in ("", "random_", "arithmetic_")),
}  # fmt: skip
PIPELINE = read_yaml(ROOT / "dvc.yaml")
OVERLAYS: dict[str, dict[str, Any]] = {
    key: chart for item in PIPELINE["plots"] for key, chart in item.items()
}
ARTIFACTS: dict[str, dict[str, Any]] = PIPELINE["artifacts"]
POINTS = {
    "test.sliced_wasserstein", "test.sliced_wasserstein_train", "test.coverage",
    "test.coverage_train",
}  # fmt: skip


@pytest.fixture(scope="module")
def stages() -> dict[str, PipelineStage]:
    with Repo(str(ROOT)) as repo:
        return {stage.addressing: stage for stage in repo.index.stages}


def inside(path: str | Path) -> str:
    return str(Path(path).relative_to(ROOT))


def imported(path: Path) -> set[Path]:
    """Return the project's modules that a module imports, including itself, without packages."""
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
                target = (ROOT / name.replace(".", "/")).with_suffix(".py")
                if target.is_file() and target not in found and CONFIG not in target.parents:
                    waiting.add(target)
    return found


def entry_modules(name: str) -> list[Path]:
    """Return the script of a stage, and the modules that it selects by a parameter."""
    kind, _, key = name.partition("@")
    modules = [f"analyses/{kind}.py" if kind in ANALYSES else f"{kind}.py"]
    if kind == "preprocess":
        modules.append(f"datasets/{PARAMS.datasets[key].module}.py")
    if kind in {"train", "cross_validate"}:
        config = PARAMS.models[key]
        modules.append(f"networks/{config.network.name}/train.py")
        modules.append(f"pipelines/{config.training.input_pipeline}.py")
        folds = f"networks/{config.network.name}/folds.py"
        if kind == "cross_validate" and (ROOT / "stages" / folds).exists():
            modules.append(folds)
    if kind == "study":
        modules.append(f"networks/{PARAMS.studies[key].network}/train.py")
        modules.append(f"pipelines/{PARAMS.studies[key].input_pipeline}.py")
    if kind == "baseline":
        modules.append(f"baselines/{PARAMS.baselines[key].module}.py")
    if kind == "robustness":
        for model in PARAMS.analyses.robustness.centered.models:
            modules.append(f"networks/{PARAMS.models[model].network.name}/train.py")
            modules.append(f"pipelines/{PARAMS.models[model].training.input_pipeline}.py")
    if kind == "evaluate":
        modules.append(f"tasks/{PARAMS.models[key].task}/evaluate.py")
        modules.append(f"tasks/{PARAMS.models[key].task}/captions.py")
    return [ROOT / "stages" / module for module in modules]


def readers(stages: dict[str, PipelineStage], path: str) -> set[str]:
    """Return the stages that depend on a file, or on a folder that contains it."""
    wanted = {str(ROOT / path), *map(str, (ROOT / path).parents)}
    return {name for name, stage in stages.items() if wanted & {d.fs_path for d in stage.deps}}


def param_readers(stages: dict[str, PipelineStage], key: str) -> set[str]:
    """Return the stages that depend on a parameter, or on a section that contains it."""
    params = {
        name: {param for d in stage.deps if isinstance(d, ParamsDependency) for param in d.params}
        for name, stage in stages.items()
    }
    return {
        name for name, keys in params.items() if any(f"{key}.".startswith(f"{k}.") for k in keys)
    }


def trained_by(*models: str) -> set[str]:
    """Return the stages that train models; stages that depend on them are stale afterwards."""
    return (
        {f"train@{model}" for model in models}
        | {f"cross_validate@{model}" for model in models if model in PARAMS.cross_validation}
        | {f"study@{name}" for name, study in PARAMS.studies.items() if study.model in models}
        | ({"robustness"} if CENTERED & set(models) else set())
        | {f"transfer@{name}" for name in PARAMS.transfer if transfers_from(name, models)}
    )


def transfers_from(name: str, models: Sequence[str]) -> bool:
    """Return whether an experiment trains the network of one of the models."""
    return PARAMS.transfer[name].source in models


def evaluated_by(*models: str) -> set[str]:
    """Return the stages that evaluate models."""
    return {f"evaluate@{model}" for model in models}


def models_with(**wanted: str) -> list[str]:
    """Return the models with a network, or with an input pipeline."""
    found = []
    for name, model in PARAMS.models.items():
        has = {"network": model.network.name, "pipeline": model.training.input_pipeline}
        if wanted.items() <= has.items():
            found.append(name)
    return found


def test_the_pipeline_has_a_stage_for_each_dataset_and_model(
    stages: dict[str, PipelineStage],
) -> None:
    expected = {f"download@{key}" for key in PARAMS.downloads}
    expected |= {f"synthesize@{key}" for key in PARAMS.synthetic}
    expected |= {f"preprocess@{key}" for key in PARAMS.datasets}
    expected |= {f"{kind}@{key}" for kind in ("train", "evaluate") for key in PARAMS.models}
    expected |= {f"cross_validate@{key}" for key in PARAMS.cross_validation}
    expected |= {f"study@{key}" for key in PARAMS.studies}
    expected |= {f"calibrate@{key}" for key in PARAMS.calibration}
    expected |= {f"detect_anomalies@{key}" for key in PARAMS.anomaly_detection}
    expected |= {f"explore@{key}" for key in PARAMS.exploration}
    expected |= {"garment_photos", "synthesize_dates", "synthesize_digit_rows", "report"}
    expected |= {"model_cards"}
    expected |= {f"baseline@{key}" for key in PARAMS.baselines}
    expected |= {f"transfer@{key}" for key in PARAMS.transfer}
    expected |= {f"check_export@{key}" for key in PARAMS.export.models}
    expected |= {f"look_inside@{key}" for key in PARAMS.look_inside.models}
    expected |= ANALYSES | {"drawn_digits"}
    assert set(stages) == expected
    assert all(stage.desc for stage in stages.values())


def test_each_stage_depends_on_the_modules_that_it_imports_and_on_no_others(
    stages: dict[str, PipelineStage],
) -> None:
    needed = {
        name: {path for module in entry_modules(name) for path in imported(module)}
        for name in stages
    }
    for name, stage in stages.items():
        deps = {Path(dep.fs_path) for dep in stage.deps}
        code = {dep for dep in deps if dep.is_relative_to(ROOT / "stages")}
        uncovered = {path for path in needed[name] if not {path, *path.parents} & code}
        assert not uncovered, f"{name} imports {sorted(map(inside, uncovered))}: add to its deps"
        # All stages of a loop have the same deps; a changed network retrains its models anyway.
        kind = name.partition("@")[0]
        others = {
            path for other in needed if other.partition("@")[0] == kind for path in needed[other]
        }
        unused = {dep for dep in code if not any(dep in {path, *path.parents} for path in others)}
        unused -= {dep for dep in unused if kind == "evaluate" and dep.parent.name == "networks"}
        assert not unused, f"{name} does not import {sorted(map(inside, unused))}: drop the dep"


@pytest.mark.parametrize("study", PARAMS.studies)
def test_finished_runs_of_a_study_are_of_all_code_that_trains_them(study: str) -> None:
    network = f"stages/networks/{PARAMS.studies[study].network}"
    used = imported(ROOT / "stages/studies/training.py") | imported(ROOT / network / "train.py")
    hashed = {ROOT / path for path in (*training.CODE, network)}
    hashed.add(ROOT / "stages/studies/variants.py")  # in effect: the values that it makes are
    uncovered = {path for path in used if not {path, *path.parents} & hashed}
    assert not uncovered, f"add {sorted(map(inside, uncovered))} to CODE"


def test_packages_that_no_stage_depends_on_hold_no_code() -> None:
    for path in (ROOT / "stages").glob("**/__init__.py"):
        (statement,) = ast.parse(path.read_text()).body
        assert isinstance(statement, ast.Expr), path


def test_importing_a_module_configures_nothing() -> None:
    """The top level of a module has only imports, definitions, constants and the main guard."""
    allowed = (
        ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
        ast.If,
    )  # fmt: skip
    for path in (ROOT / "stages").glob("**/*.py"):
        first, *rest = ast.parse(path.read_text()).body
        assert isinstance(first, ast.Expr), f"{path}: no docstring"
        assert all(isinstance(statement, allowed) for statement in rest), path


def test_each_stage_depends_only_on_the_parameters_that_it_reads(
    stages: dict[str, PipelineStage],
) -> None:
    for name, stage in stages.items():
        kind, _, key = name.partition("@")
        keys = {
            param for dep in stage.deps if isinstance(dep, ParamsDependency) for param in dep.params
        }
        recipe = {f"models.{key}.network", f"models.{key}.training"}
        studied = PARAMS.studies[key].model if kind == "study" else ""
        study_recipe = {f"models.{studied}.network", f"models.{studied}.training"}
        source = PARAMS.transfer[key].source if kind == "transfer" else ""
        attacked = {f"models.{model}.training" for model in PARAMS.analyses.robustness.models}
        attacked |= {f"models.{model}.network" for model in CENTERED}
        explained = dict(PARAMS.look_inside)
        assert (
            keys
            == {
                "download": {f"downloads.{key}"},
                "synthesize": {f"synthetic.{key}"},
                "garment_photos": {"garment_photos"},
                "synthesize_dates": {"dates"},
                "synthesize_digit_rows": {"digit_rows"},
                "preprocess": {f"datasets.{key}.preprocess", f"datasets.{key}.expected"},
                "train": recipe,
                "evaluate": {f"models.{key}.evaluation", f"models.{key}.task"},
                "cross_validate": {f"cross_validation.{key}", *recipe},
                "study": {f"studies.{key}", *study_recipe},
                "report": {
                    "analyses",
                    "datasets",
                    "dates",
                    "digit_rows",
                    "downloads",
                    "export.models",
                    "look_inside.models",
                    "models",
                    "studies",
                    "synthetic",
                    "transfer",
                },
                "model_cards": {
                    "cross_validation",
                    "datasets",
                    "dates",
                    "digit_rows",
                    "downloads",
                    "models",
                    "synthetic",
                },
                "calibrate": {f"calibration.{key}"},
                "transfer": {f"transfer.{key}", f"models.{source}.network"},
                "check_export": {f"export.models.{key}", "export.num_examples"},
                "detect_anomalies": {f"anomaly_detection.{key}"},
                "explore": {f"exploration.{key}"},
                "baseline": {f"baselines.{key}", f"datasets.{key}"},
                **{analysis: {f"analyses.{analysis}"} for analysis in ANALYSES},
                "robustness": {"analyses.robustness", *attacked},
                "drawn_digits": {"drawn_digits"},
                "look_inside": {f"look_inside.{each}" for each in explained if each != "models"}
                | {f"look_inside.models.{key}"},
            }[kind]
        ), name


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("models.mnist_cnn.network.dropout", trained_by("mnist_cnn")),
        ("models.votes_mlp.training.epochs", trained_by("votes_mlp")),
        ("models.fashion_vae.training.kl_weight", trained_by("fashion_vae")),
        ("models.fashion_vae.evaluation.seed", evaluated_by("fashion_vae")),
        ("models.fashion_gan.evaluation.evaluator", evaluated_by("fashion_gan")),
        ("models.mnist_cnn.report.title", set()),
        ("cross_validation.votes_mlp.folds", {"cross_validate@votes_mlp"}),
        ("baselines.imdb.methods.nb_svm.C", {"baseline@imdb"}),
    ],
)
def test_a_parameter_is_read_only_by_stages_that_it_can_affect(
    stages: dict[str, PipelineStage], key: str, expected: set[str]
) -> None:
    assert param_readers(stages, key) - {"report", "model_cards"} == expected


@pytest.mark.parametrize(
    "network", sorted({model.network.name for model in PARAMS.models.values()})
)
def test_a_network_is_read_only_by_its_models(
    stages: dict[str, PipelineStage], network: str
) -> None:
    models = models_with(network=network)
    expected = trained_by(*models) | evaluated_by(*models)
    assert readers(stages, f"stages/networks/{network}/train.py") == expected


@pytest.mark.parametrize(
    "pipeline", sorted({model.training.input_pipeline for model in PARAMS.models.values()})
)
def test_an_input_pipeline_is_read_only_by_training_stages_that_use_it(
    stages: dict[str, PipelineStage], pipeline: str
) -> None:
    expected = trained_by(*models_with(pipeline=pipeline))
    transfers = {f"transfer@{name}" for name in PARAMS.transfer}  # have a pipeline of their own
    expected = expected | transfers if pipeline == "arrays" else expected - transfers
    assert readers(stages, f"stages/pipelines/{pipeline}.py") == expected


def test_shared_training_code_is_read_by_all_training_stages(
    stages: dict[str, PipelineStage],
) -> None:
    expected = trained_by(*PARAMS.models) | {"memory"}
    assert readers(stages, "stages/learning/optimizers.py") == expected


@pytest.mark.parametrize(
    "module",
    ["encoding/image.py", "metrics/classification.py", "tasks/classification/evaluate.py",
     "plots/style.py", "page/render.py", "inference/outputs.py", "datasets/common.py"],
)  # fmt: skip
def test_a_module_that_no_training_stage_imports_is_read_by_none(
    stages: dict[str, PipelineStage], module: str
) -> None:
    found = readers(stages, f"stages/{module}")
    assert found
    assert not {name for name in found if name.startswith("train@")}


def test_training_does_not_depend_on_the_test_split(stages: dict[str, PipelineStage]) -> None:
    for key, model in PARAMS.models.items():
        data = {inside(d.fs_path) for d in stages[f"train@{key}"].deps if "/data/" in d.fs_path}
        folder = f"data/processed/{model.dataset}"
        assert data == {f"{folder}/{name}" for name in ("info.json", "train", "validation")}


def test_every_dependency_is_an_output_as_a_whole(stages: dict[str, PipelineStage]) -> None:
    """With --allow-missing, DVC treats files inside an output folder as unchanged."""
    outs = {out.fs_path for stage in stages.values() for out in stage.outs}
    for name, stage in stages.items():
        for dep in stage.deps:
            if "/data/raw/" in dep.fs_path:  # the one file of a download
                continue
            parents = {str(parent) for parent in Path(dep.fs_path).parents}
            assert not parents & outs, f"{name}: {dep}"


def test_the_report_depends_on_every_model(stages: dict[str, PipelineStage]) -> None:
    deps = {
        inside(dep.fs_path)
        for dep in stages["report"].deps
        if not isinstance(dep, ParamsDependency)
    }
    others = {
        "reports/data",
        "reports/baseline.json",
        "reports/baselines",
        "reports/seeds.json",
        "benchmarks/results.json",
        "benchmarks/export.json",
        "benchmarks/recipes.yaml",
        "reports/drawn_digits",
        "reports/look_inside",
        "reports/export",
    }
    code = {path for path in deps if path.startswith("stages/")}
    models = {f"reports/{model}" for model in PARAMS.models}
    curves = {f"models/{model}/history.csv" for model in PARAMS.models}
    studies = {
        f"reports/studies/{study}" for study in {*PARAMS.studies, *PARAMS.transfer, *ANALYSES}
    }
    assert deps - code == others | models | curves | studies


def test_the_model_cards_depend_on_what_they_read_of_every_model(
    stages: dict[str, PipelineStage],
) -> None:
    paths = {
        inside(dep.fs_path)
        for dep in stages["model_cards"].deps
        if not isinstance(dep, ParamsDependency)
    }
    expected = {"reports/data", "reports/seeds.json"}
    for model in PARAMS.models:
        expected |= {f"reports/{model}", f"models/{model}/spec.json"}
    expected |= {f"models/{model}/calibration.json" for model in PARAMS.calibration}
    assert {path for path in paths if not path.startswith("stages/")} == expected


def test_the_analysis_of_robustness_depends_on_the_models_that_it_loads(
    stages: dict[str, PipelineStage],
) -> None:
    deps = {inside(dep.fs_path) for dep in stages["robustness"].deps if "/models/" in dep.fs_path}
    models = PARAMS.analyses.robustness.models
    assert deps == {f"models/{m}/{file}" for m in models for file in ("model.keras", "spec.json")}
    data = {inside(dep.fs_path) for dep in stages["robustness"].deps if "/data/" in dep.fs_path}
    folder = f"data/processed/{PARAMS.analyses.robustness.dataset}"
    assert data == {f"{folder}/{name}" for name in ("info.json", "train", "validation")}


def test_drawn_digits_depend_on_the_models_that_answer(stages: dict[str, PipelineStage]) -> None:
    deps = {inside(dep.fs_path) for dep in stages["drawn_digits"].deps if "/models/" in dep.fs_path}
    models = PARAMS.drawn_digits.models
    assert deps == {f"models/{m}/{file}" for m in models for file in ("model.keras", "spec.json")}


def test_all_classifiers_of_mnist_answer_for_the_drawn_digits() -> None:
    classifiers = [
        name
        for name, model in PARAMS.models.items()
        if model.dataset == "mnist" and model.task == "classification"
    ]
    assert PARAMS.drawn_digits.models == classifiers


@pytest.mark.parametrize(
    ("kind", "model", "split"),
    [
        *(("check_export", model, "test") for model in PARAMS.export.models),
        *(("look_inside", model, PARAMS.look_inside.split) for model in PARAMS.look_inside.models),
    ],
)
def test_a_stage_that_applies_a_model_depends_on_it_and_on_its_data(
    stages: dict[str, PipelineStage], kind: str, model: str, split: str
) -> None:
    deps = {inside(dep.fs_path) for dep in stages[f"{kind}@{model}"].deps}
    data = f"data/processed/{PARAMS.models[model].dataset}"
    expected = {f"models/{model}/{file}" for file in ("model.keras", "spec.json")}
    expected |= {f"{data}/train", f"{data}/{split}"}
    assert {path for path in deps if path.startswith(("data/", "models/"))} == expected


def test_metrics_and_plots_are_in_git_and_other_outputs_in_the_cache(
    stages: dict[str, PipelineStage],
) -> None:
    for name, stage in stages.items():
        for out in stage.outs:
            if name not in {"report", "model_cards"}:
                assert bool(out.metric or out.plot) == (not out.use_cache), out


def test_every_chart_has_its_template(stages: dict[str, PipelineStage]) -> None:
    for stage in stages.values():
        for out in stage.outs:
            if isinstance(out.plot, dict) and "template" in out.plot:
                assert (ROOT / out.plot["template"]).is_file(), out


@pytest.mark.parametrize("chart", OVERLAYS)
def test_an_overlay_reads_learning_curves_that_stages_write(
    stages: dict[str, PipelineStage], chart: str
) -> None:
    definition = OVERLAYS[chart]
    assert re.fullmatch(r"[a-z][a-z_]+", chart)  # the id of an element of the page, too
    assert definition["title"]
    assert (ROOT / definition["template"]).is_file()
    plots = {inside(out.fs_path) for stage in stages.values() for out in stage.outs if out.plot}
    assert definition["y"].keys() <= plots
    x = definition["x"]
    for path, column in definition["y"].items():
        unit, *columns = (ROOT / path).read_text().partition("\n")[0].split(",")
        assert column in columns, path
        assert (x if isinstance(x, str) else x[path]) == unit, path


def test_models_with_the_same_dataset_and_task_are_in_one_overlay() -> None:
    groups = defaultdict(set)
    for name, model in PARAMS.models.items():
        groups[model.dataset, model.task].add(f"models/{name}/history.csv")
    overlaid = [set(definition["y"]) for definition in OVERLAYS.values()]
    missing = [
        sorted(group) for group in groups.values() if len(group) > 1 and group not in overlaid
    ]
    assert not missing, "add the models to a chart of `plots` in dvc.yaml"


def find_competitors(dataset: str) -> dict[str, float]:
    """Return the main metric of the models with the task of the dataset: that of the first one."""
    models = {name: model for name, model in PARAMS.models.items() if model.dataset == dataset}
    first = next(iter(models.values()))
    return {
        name: read_metrics(ROOT / "reports" / name)[first.report.metric]
        for name, model in models.items()
        if (model.task, model.report.metric) == (first.task, first.report.metric)
    }


def test_every_dataset_with_a_model_has_an_artifact() -> None:
    assert set(ARTIFACTS) == {model.dataset for model in PARAMS.models.values()}


@pytest.mark.parametrize("dataset", ARTIFACTS)
def test_an_artifact_is_the_best_model_of_its_dataset(dataset: str) -> None:
    artifact = ARTIFACTS[dataset]
    name = artifact["path"].removeprefix("models/")
    model, results = PARAMS.models[name], find_competitors(dataset)
    best = (max if model.report.direction == "maximize" else min)(results.values())
    winners = [each for each, result in results.items() if result == best]
    assert name in winners, f"dvc.yaml: artifacts.{dataset}: the best model is {winners[0]}"
    assert artifact["type"] == "model"
    assert artifact["labels"] == [model.task, model.network.name]
    expected = f"{describe_dataset(dataset).title}: {model.report.title}"
    assert artifact["desc"].partition(";")[0] == expected


def test_the_artifact_of_medical_data_has_a_disclaimer() -> None:
    assert ARTIFACTS["mammographic_masses"]["desc"].endswith("; not for diagnosis")


@pytest.mark.parametrize("pattern", ["models/*/history.csv", "reports/*/chart.csv"])
def test_no_chart_has_a_column_that_dvc_overwrites(pattern: str) -> None:
    for path in ROOT.glob(pattern):
        header = path.read_text().partition("\n")[0].split(",")
        assert not {"step", "rev", "filename", "field"} & set(header), path


def test_no_dependency_is_empty() -> None:
    # DVC takes files that it ignores, such as those in .dvc, as missing from a folder.
    for name, stage in read_yaml(ROOT / "dvc.lock")["stages"].items():
        for dependency in stage.get("deps", []):
            assert dependency.get("nfiles", 1) > 0, f"{name}: {dependency['path']}"


def test_the_lock_has_the_stages_that_there_are(stages: dict[str, PipelineStage]) -> None:
    assert set(read_yaml(ROOT / "dvc.lock")["stages"]) == set(stages)


def test_the_committed_results_are_of_this_code_and_these_parameters() -> None:
    command = ["dvc", "repro", "--dry", "--allow-missing"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert "Running stage" not in done.stdout, "run `make repro`, commit dvc.lock and reports/"


@pytest.mark.parametrize("model", PARAMS.models)
def test_the_committed_metrics_have_the_keys_of_the_design(model: str) -> None:
    metrics = flatten(read_json(ROOT / f"reports/{model}/metrics.json"))
    config = PARAMS.models[model]
    by_task = POINTS if config.task == "toy_generation" else CLASSIFIER
    by_model = GENERATED | AUTOENCODED
    assert set(metrics) == (by_model.get(model) or KEYS.get(config.network.name, by_task))
    assert all(isinstance(value, int | float) for value in metrics.values())


@pytest.mark.parametrize("model", PARAMS.cross_validation)
def test_the_committed_cross_validations_have_the_keys_of_the_design(model: str) -> None:
    metrics = read_json(ROOT / f"reports/{model}/cross_validation/metrics.json")
    assert set(flatten(metrics)) == CROSS_VALIDATED


@pytest.mark.parametrize("model", PARAMS.anomaly_detection)
def test_the_committed_anomaly_detections_have_the_keys_of_the_design(model: str) -> None:
    metrics = read_json(ROOT / f"reports/{model}/anomaly_detection/metrics.json")
    assert set(flatten(metrics)) == {"anomalies.roc_auc", "anomalies.true_positive_rate"}


@pytest.mark.parametrize("model", PARAMS.exploration)
def test_the_committed_explorations_have_the_keys_of_the_design(model: str) -> None:
    metrics = read_json(ROOT / f"reports/{model}/exploration/metrics.json")
    assert set(flatten(metrics)) == EXPLORED


@pytest.mark.parametrize("dataset", PARAMS.baselines)
def test_the_committed_baselines_have_the_keys_of_the_design(dataset: str) -> None:
    metrics = flatten(read_json(ROOT / f"reports/baselines/{dataset}/metrics.json"))
    config = PARAMS.baselines[dataset]
    keys = {"images": {"test_accuracy"}, "texts": {"test_accuracy", "test_roc_auc"}}.get(
        config.module,
        {"cv_accuracy", "cv_accuracy_std", "cv_roc_auc", "test_accuracy", "test_roc_auc"},
    )
    for method in config.methods:
        assert {key.split(".")[1] for key in metrics if key.split(".")[0] == method} == keys
    assert all(isinstance(value, float) for value in metrics.values())


def test_nothing_committed_is_larger_than_a_megabyte() -> None:
    page = ROOT / "reports/index.html"  # it embeds all images
    assert page.stat().st_size < 8_000_000
    for path in (ROOT / "reports").rglob("*"):
        assert path == page or not path.is_file() or path.stat().st_size < 1_000_000, path
