import re
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import yaml

from benchmarks import child, fast, project, quality, recipes, results, run, seeds
from benchmarks.as_taught import fashion_gan, fashion_vae, imdb_lstm, mnist_cnn, tables
from stages.config.load import load_params, parse_params, read_yaml
from stages.core.errors import ConfigError, UserError
from stages.core.files import read_json, write_json
from stages.core.paths import PARAMS, PROCESSED
from stages.core.splits import Split, save_split
from stages.learning.fit import Trained
from stages.networks.gan.networks import build_inference_model
from stages.page import results as page_results
from stages.tasks.image_generation.evaluate import compare_features, generate
from stages.verify import Stages
from tests.factories import INFOS, make_config, make_images
from tests.unit.contexts import SEED, brightness_classifier, make_context

ROOT = Path(__file__).parents[2]
ROW = SimpleNamespace(metric="test.accuracy", direction="maximize", unit="", course=0.92)
MACHINE = {"processor": "Some CPU", "instructions": ["AVX2", "AMX BF16"], "cores": 2}
TRAIN, VALIDATION = make_images(seed=1), make_images((5, 4, 3), seed=2)
TEST = make_images((4, 6, 9), seed=3)


@pytest.fixture
def values() -> recipes.Values:
    values: recipes.Values = read_yaml(PARAMS)
    return values


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create the dataset `tiny` in a project folder, which becomes the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, split in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST)):
        save_split(PROCESSED / "tiny" / name, split)
    write_json(PROCESSED / "tiny" / "info.json", INFOS["images"])


def of(seconds: list[float], curve: list[float], memory: float = 1.0) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "curve": curve,
        "memory_mb": memory,
        "quality": {"test.accuracy": curve[-1]},
    }


# Recipes


@pytest.mark.parametrize("model", recipes.load_recipes())
def test_each_recipe_has_valid_parameters(model: str, values: recipes.Values) -> None:
    recipe = recipes.load_recipes()[model]
    taught = recipes.as_taught(values, model, recipe)
    section = taught["models"][model]
    assert section["training"] == recipe.training
    assert section["training"].get("precision", "float32") == "float32"
    assert section["report"] == values["models"][model]["report"]
    others = {name: each for name, each in taught["models"].items() if name != model}
    assert others == {name: each for name, each in values["models"].items() if name != model}
    if recipe.course_protocol is not None:
        changed = recipes.with_preprocess(values, model, recipe.course_protocol.preprocess)
        assert changed["datasets"] != values["datasets"]
    if model in values["cross_validation"]:
        assert model in tables.INITIALIZERS


def test_the_recipes_are_those_of_the_models_with_a_course() -> None:
    assert list(recipes.load_recipes()) == [
        *("mnist_lowlevel", "mnist_mlp", "mnist_cnn", "mnist_alexnet", "imdb_lstm", "votes_mlp"),
        *("masses_mlp", "fashion_vae", "fashion_gan"),
    ]


def test_epochs_can_be_reduced_but_not_increased(values: recipes.Values) -> None:
    recipe = recipes.load_recipes()["mnist_mlp"]
    before = yaml.safe_dump(values)
    few = recipes.as_taught(values, "mnist_mlp", recipe, 2)
    assert few["models"]["mnist_mlp"]["training"] == recipe.training | {"epochs": 2}
    many = recipes.as_taught(values, "mnist_mlp", recipe, 99)
    assert many["models"]["mnist_mlp"]["training"]["epochs"] == 10
    assert yaml.safe_dump(values) == before


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a: {trainings: {}}", "trainings"),
        ("a: {training: {}, repeats: 0}", "repeats"),
        ("a: {training: {}, course_protocol: {name: x}}", "course_protocol.preprocess"),
    ],
)
def test_an_invalid_key_of_a_recipe_is_named(text: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "recipes.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"recipes.yaml: a\.({named}|training)"):
        recipes.load_recipes(tmp_path / "recipes.yaml")


def test_a_recipe_that_the_schema_rejects_is_an_error(values: recipes.Values) -> None:
    wrong = recipes.load_recipes()["mnist_mlp"].model_copy(update={"preprocess": {"unknown": 1}})
    with pytest.raises(ConfigError, match=r"mnist_mlp.*datasets\.mnist\.preprocess\.unknown"):
        recipes.as_taught(values, "mnist_mlp", wrong)


# Results


@pytest.mark.parametrize(
    ("curve", "target", "maximize", "expected"),
    [
        ([0.7, 0.9, 0.8, 0.95], 0.9, True, 2),
        ([0.7, 0.9], 0.91, True, None),
        ([280, 270, 266, 268], 266, False, 3),
        ([280, 270], 266, False, None),
    ],
)
def test_the_first_epoch_that_is_as_good(
    curve: list[float], target: float, maximize: bool, expected: int | None
) -> None:
    assert results.first_reached(curve, target, maximize) == expected


def test_the_first_epoch_takes_longer_and_the_others_are_extrapolated() -> None:
    assert results.seconds_at([20.0, 30.0, 42.0], 10) == 42 + 7 * 11
    assert results.seconds_at([20.0, 30.0, 42.0], 2) == 30


def test_ours_is_timed_until_it_reaches_the_final_metric_of_the_recipe_as_taught() -> None:
    taught = [
        of([10, 20, 30], [0.7, 0.9, 0.8], 5),
        of([11, 21, 50], [0.7, 0.9, 0.8], 7),
        of([12, 22, 34], [0.7, 0.9, 0.8], 6),
    ]
    ours = [of([1, 5, 9], [0.6, 0.8, 0.99], memory) for memory in (2, 4, 3)]
    assert results.make_entry(taught, ours, ROW) == {
        "metric": "test.accuracy",
        "direction": "maximize",
        "as_taught_seconds": 34,
        "as_taught_first_seconds": 21,
        "as_taught_first_epoch": 2,
        "ours_seconds": 5,
        "ratio": 6.8,
        "extrapolated": False,
        "as_taught_quality": {"test.accuracy": 0.8},
        "ours_quality": {"test.accuracy": 0.99},
        "as_taught_memory_mb": 7,
        "ours_memory_mb": 4,
    }


def test_with_fewer_epochs_the_time_is_extrapolated_and_the_quality_is_the_known_one() -> None:
    known = {"as_taught_quality": {"test.accuracy": 0.9}, "as_taught_first_epoch": 4}
    entry = results.make_entry([of([10, 16], [0.2, 0.3])], [of([4], [0.95])], ROW, known, 5)
    assert (entry["as_taught_seconds"], entry["ours_seconds"], entry["ratio"]) == (34, 4, 8.5)
    assert (entry["as_taught_first_epoch"], entry["as_taught_first_seconds"]) == (4, 28)
    assert entry["extrapolated"]
    assert entry["as_taught_quality"] == known["as_taught_quality"]


def test_without_the_same_quality_there_is_no_ratio() -> None:
    entry = results.make_entry([of([9], [0.9])], [of([1], [0.8])], ROW)
    assert (entry["ours_seconds"], entry["ratio"]) == (None, None)
    table = results.as_markdown({"a": entry | RECORDED}, {"a": ROW})
    assert "| a | test.accuracy | 92.00% | 90.00% | 80.00% | 9.0 | never |  |" in table


RECORDED = {"machine": MACHINE, "recorded": "2026-11-26"}


def entry_of(seconds: float, extrapolated: bool = False, memory: int = 1) -> dict[str, Any]:
    return {
        "metric": "loss",
        "as_taught_seconds": seconds,
        "ours_seconds": 2.0,
        "ratio": 0.5,
        "extrapolated": extrapolated,
        "as_taught_quality": {"loss": 0.9},
        "ours_quality": {"loss": 0.05},
        "as_taught_memory_mb": memory,
        **RECORDED,
    }


def test_a_new_run_replaces_its_keys_and_keeps_the_others() -> None:
    before = {"a": {"ratio": 2.0, "as_taught_first_seconds": 3.0}, "b": {"ratio": 4.0}}
    merged = results.merge(before, "a", {"ratio": 3.0})
    assert merged == {"a": {"ratio": 3.0, "as_taught_first_seconds": 3.0}, "b": {"ratio": 4.0}}
    assert before["a"]["ratio"] == 2.0


def test_the_sums_are_updated_with_each_model() -> None:
    parts = {"a": entry_of(100.0, memory=4), "b": entry_of(60.0, memory=3)}
    ours = {"ours_seconds": 40.0, "ours_memory_mb": 9, **RECORDED, "recorded": "2026-11-27"}
    merged = results.merge(parts, "pipeline", ours)
    assert merged["pipeline"] == ours | {
        "as_taught_seconds": 160.0,
        "ratio": 4.0,
        "extrapolated": False,
        "as_taught_memory_mb": 4,
    }
    again = results.merge(merged, "b", entry_of(140.0, extrapolated=True))
    assert again["pipeline"]["ratio"] == 6.0
    assert again["pipeline"]["extrapolated"]
    row = SimpleNamespace(metric="loss", unit="nats", course=None)
    table = results.as_markdown(again, {"a": row, "b": row}).splitlines()
    assert "| b | loss |  | 0.9000 | 0.05000 | 140 * | 2.0 | 0.5 |" in table
    assert "| pipeline |  |  |  |  | 240 * | 40 | 6.0 |" in table
    assert table[-4:] == [
        "\\* extrapolated from fewer epochs",
        "",
        "Some CPU, AMX BF16, 2 cores, 2026-11-26",
        "Some CPU, AMX BF16, 2 cores, 2026-11-27",
    ]


def test_the_table_in_the_readme_is_that_of_the_results() -> None:
    rows = {name: model.report for name, model in load_params(ROOT / PARAMS).models.items()}
    table = results.as_markdown(read_json(ROOT / page_results.BENCHMARKS), rows)
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")


# The two sides of a run


def fake_runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace training runs; return the list of calls."""
    calls: list[Any] = []

    def make_project(folder: Path, values: recipes.Values, model: str) -> None:
        calls.append((folder.name, values["models"][model]["training"]["epochs"]))

    def run_side(folder: Path, side: str, model: str) -> dict[str, Any]:
        del model
        calls.append(folder.name)
        seconds = [10.0 * epoch for epoch in range(1, 11)]
        return of(seconds, [0.9] * 10) if side == "as_taught" else of([5.0], [0.95])

    monkeypatch.setattr(run, "make_project", make_project)
    monkeypatch.setattr(run, "run_side", run_side)
    return calls


def test_both_sides_run_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake_runs(monkeypatch)
    recipe = recipes.load_recipes()["mnist_mlp"].model_copy(update={"repeats": 2})
    entry = run.run_model("mnist_mlp", recipe, {}, None)
    assert calls[0] == ("as_taught", 10)
    assert calls[2:] == ["as_taught", "ours", "as_taught", "ours"]
    assert (entry["as_taught_seconds"], entry["ours_seconds"], entry["ratio"]) == (100, 5, 20)
    assert "course_protocol" not in entry


def test_fewer_epochs_need_the_quality_of_a_full_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = fake_runs(monkeypatch)
    recipe = recipes.load_recipes()["mnist_cnn"]
    with pytest.raises(ConfigError, match="mnist_cnn has no full run yet"):
        run.run_model("mnist_cnn", recipe, {}, 3)
    assert not calls
    earlier = {"as_taught_quality": {"test.accuracy": 0.93}, "as_taught_first_epoch": 6}
    entry = run.run_model("mnist_cnn", recipe, {"mnist_cnn": earlier}, 3)
    assert calls[0] == ("as_taught", 3)
    assert entry["extrapolated"]
    assert entry["as_taught_quality"] == {"test.accuracy": 0.93}
    assert entry["ours_seconds"] == 5


def test_all_epochs_are_a_full_run(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_runs(monkeypatch)
    entry = run.run_model("mnist_cnn", recipes.load_recipes()["mnist_cnn"], {}, 10)
    assert not entry["extrapolated"]


def test_the_data_of_the_course_is_created_once_for_each_side(
    monkeypatch: pytest.MonkeyPatch, values: recipes.Values
) -> None:
    created: list[Any] = []

    def make_project(folder: Path, values: recipes.Values, model: str) -> None:
        dataset = values["models"][model]["dataset"]
        created.append((folder.name, values["datasets"][dataset]["preprocess"]))

    fake_runs(monkeypatch)
    monkeypatch.setattr(run, "make_project", make_project)
    everything = recipes.load_recipes()
    found = run.run_course_protocol("masses_mlp", everything["masses_mlp"], values, {"x": 0.5})
    assert [(side, preprocess["drop_incomplete"]) for side, preprocess in created] == [
        ("ours", True),
        ("as_taught", True),
    ]
    assert found["as_taught_quality"] == {"test.accuracy": 0.9}
    created.clear()
    found = run.run_course_protocol("imdb_lstm", everything["imdb_lstm"], values, {"x": 0.5})
    assert [(side, preprocess["max_length"]) for side, preprocess in created] == [("ours", 80)]
    assert found == {
        "name": "80 words",
        "as_taught_quality": {"x": 0.5},
        "ours_quality": {"test.accuracy": 0.95},
    }


def test_an_unknown_model_or_too_few_epochs_are_errors() -> None:
    everything = recipes.load_recipes()
    with pytest.raises(ConfigError, match=r"no recipe 'mnist_linear', expected one of .*pipeline"):
        run.check(["mnist_mlp", "mnist_linear"], everything, None)
    with pytest.raises(ConfigError, match="--epochs: expected at least 2, found 1"):
        run.check(["mnist_mlp"], everything, 1)
    with pytest.raises(ConfigError, match="pipeline: not run yet: mnist_lowlevel, mnist_mlp"):
        run.run_pipeline(everything, {"mnist_cnn": {}})


def clone_with_makefile(command: str) -> Callable[[Path, Path], Stages]:
    def clone_project(_: Path, clone: Path) -> Stages:
        clone.mkdir()
        (clone / "Makefile").write_text(f"repro:\n\t{command}\n")
        outs = [{"path": "a", "md5": "1"}, {"path": "b", "md5": "3"}]
        (clone / "new").write_text(yaml.dump({"stages": {"train": {"outs": outs}}}))
        return {"train": {"outs": [{"path": "a", "md5": "1"}, {"path": "b", "md5": "2"}]}}

    return clone_project


def test_a_timed_pipeline_is_compared_with_the_committed_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "clone_project", clone_with_makefile("cp new dvc.lock"))
    assert 0 < run.run_pipeline({}, {})["ours_seconds"] < 10
    assert "1 of 2 outputs are byte-for-byte identical" in capsys.readouterr().out


def test_a_pipeline_that_fails_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "clone_project", clone_with_makefile("false"))
    with pytest.raises(UserError, match="make repro failed in a clone"):
        run.run_pipeline({}, {})


def test_a_project_links_existing_outputs_and_creates_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, values: recipes.Values
) -> None:
    ran: list[Any] = []
    monkeypatch.setattr(project, "run_module", lambda _, *command: ran.append(command))
    monkeypatch.setattr(project, "ROOT", tmp_path / "present")
    raw = tmp_path / "present/data/raw/fashion_mnist"
    raw.mkdir(parents=True)
    project.make_project(tmp_path / "new", values, "fashion_vae")
    assert (tmp_path / "new/data/raw/fashion_mnist").resolve() == raw
    assert ran == [("stages.preprocess", "fashion_mnist"), ("stages.train", "fashion_evaluator")]
    assert parse_params(read_yaml(tmp_path / "new/params.yaml"), "new") == parse_params(values, "")


def test_a_project_has_the_evaluator_with_all_that_loading_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, values: recipes.Values
) -> None:
    monkeypatch.setattr(project, "run_module", lambda *_: None)
    monkeypatch.setattr(project, "ROOT", tmp_path / "present")
    evaluator = tmp_path / "present/models/fashion_evaluator"
    evaluator.mkdir(parents=True)
    for name in ("model.keras", "spec.json"):
        (evaluator / name).touch()
    project.make_project(tmp_path / "new", values, "fashion_gan")
    linked = tmp_path / "new/models/fashion_evaluator"
    assert {path.name for path in linked.iterdir()} == {"model.keras", "spec.json"}


def test_a_run_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"python -m this_is_no_module x failed in"):
        project.run_module(tmp_path, "this_is_no_module", "x")


# A run


@pytest.mark.parametrize("network", ["mlp", "raw_tensorflow"])
@pytest.mark.usefixtures("tiny")
def test_a_training_run_is_evaluated_after_each_epoch_on_the_test_split(network: str) -> None:
    config = make_config(network, training={"seed": 3})
    fit, started = keras.Model.fit, time.time()
    ran = child.train("as_taught", "tiny_model", config, started - 100)
    assert keras.Model.fit is fit
    assert len(ran["seconds"]) == len(ran["curve"]) == (2 if network == "mlp" else 3)
    assert 100 < ran["seconds"][0] < ran["seconds"][-1] < 100 + time.time() - started
    assert ran["memory_mb"] > 100
    assert ran["quality"]["test.loss"] == ran["curve"][-1]  # as taught, the last is kept
    assert ran["curve"][0] != ran["curve"][-1]
    ours = child.train("ours", "tiny_model", config, started)
    assert ours["quality"]["test.loss"] in ours["curve"]
    assert ours["curve"] != ran["curve"]


@pytest.mark.usefixtures("tiny")
def test_as_taught_is_trained_on_the_training_and_validation_splits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []

    def two_epochs(config: Any, info: Any, train: Split, validation: Any, batches: Any) -> Trained:
        del config, info, batches
        seen.append((len(train.y), None if validation is None else len(validation.y)))
        model = brightness_classifier(8, 8, [0, 100, 200])
        model.compile(loss="sparse_categorical_crossentropy")
        model.fit(train.x, train.y, epochs=2, verbose=0)
        return Trained(model, None, {}, 0)  # type: ignore[arg-type]

    monkeypatch.setattr(child, "find_trainer", lambda *_: two_epochs)
    config = make_config("mlp")
    runs = [child.train(side, "tiny_model", config, 0.0) for side in ("as_taught", "ours")]
    assert seen == [(len(TRAIN.y) + len(VALIDATION.y), None), (len(TRAIN.y), len(VALIDATION.y))]
    assert [len(ran["curve"]) for ran in runs] == [2, 2]


def test_a_cross_validation_is_one_epoch_with_its_main_metric(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = SimpleNamespace(
        dataset="votes",
        training=SimpleNamespace(seed=1, precision="float32"),
        report=SimpleNamespace(metric="cv.accuracy"),
    )
    monkeypatch.setattr(child, "load_split", lambda dataset, name: f"{dataset} {name}")
    monkeypatch.setattr(child, "concatenate", list)
    seen: list[Any] = []

    def cross_validate(model: str, config: Any, examples: Any) -> dict[str, float]:
        del config
        seen.extend([model, *examples])
        return {"roc_auc": 0.7, "accuracy": 0.9}

    monkeypatch.setattr(tables, "cross_validate", cross_validate)
    ran = child.cross_validate(child.AS_TAUGHT, "votes_mlp", config, time.time() - 50)
    assert seen == ["votes_mlp", "votes train", "votes validation", "votes test"]
    assert (ran["curve"], ran["quality"]["cv.roc_auc"]) == ([0.9], 0.7)
    assert ran["seconds"] == [pytest.approx(50, abs=10)]


def test_a_model_is_trained_as_taught_by_its_module_if_it_has_one() -> None:
    def module_of(side: str, model: str) -> str:
        return child.find_trainer(side, model, "cnn").__module__

    assert module_of("as_taught", "mnist_cnn") == "benchmarks.as_taught.mnist_cnn"
    assert module_of("as_taught", "mnist_alexnet") == "stages.networks.cnn.train"
    assert module_of("ours", "mnist_cnn") == "stages.networks.cnn.train"


def test_the_time_of_storing_weights_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([110.0, 115.0, 130.0, 131.0])
    monkeypatch.setattr(child, "time", SimpleNamespace(time=lambda: next(times)))
    recorder = child.Recorder(100.0, tmp_path)
    stored = [[np.arange(3.0), np.ones((2, 2))], [np.zeros(3), np.eye(2)]]
    for weights in stored:
        recorder.record(lambda weights=weights: weights)  # type: ignore[misc]
    assert recorder.seconds == [10.0, 25.0]
    for found, expected in zip(recorder.weights(), stored, strict=True):
        assert all((a == b).all() for a, b in zip(found, expected, strict=True))


@pytest.mark.usefixtures("tiny")
def test_metrics_of_generated_images_are_those_of_evaluate(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(64),
            keras.layers.Rescaling(40.0, 90.0),
            keras.layers.Reshape((8, 8)),
        ],
        name="generator",
    )
    discriminator = keras.Sequential(
        [keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(1)], name="discriminator"
    )
    model = build_inference_model(generator, discriminator)
    evaluator = brightness_classifier(8, 8, [40, 60, 90])
    monkeypatch.setattr(quality, "load_model", lambda _: evaluator)
    config = make_config("gan", evaluation={"evaluator": "other", "seed": SEED})
    measured = quality.make_measure(config, INFOS["images"])(model)
    splits = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    context = make_context(model, splits, INFOS["images"], evaluator=evaluator)
    random = np.random.default_rng(SEED)
    generated = generate(generator, random.standard_normal((len(TEST.x), 2)))
    train = np.concatenate([TRAIN.x, VALIDATION.x])
    reported = compare_features(context, generated, train, TEST.x, random).metrics
    assert measured == {name: reported[name] for name in measured}
    assert measured["frechet_distance"] > 0


@pytest.mark.usefixtures("tiny")
def test_metrics_of_an_autoencoder_are_its_weighted_losses_on_test_images() -> None:
    config = make_config("vae", training={"kl_weight": 2.0})
    model = build_autoencoder()
    measured = quality.make_measure(config, INFOS["images"])(model)
    assert measured["test.kl_loss"] > 0
    assert measured["test.total_loss"] == pytest.approx(
        measured["test.reconstruction_loss"] + 2 * measured["test.kl_loss"]
    )
    dark = 64 * np.log(2) * 0.5  # of logits of 0
    assert measured["test.reconstruction_loss"] > dark


def build_autoencoder() -> keras.Model:
    """Build a VAE of images 8 x 8 with one latent variable."""
    images = keras.Input((8, 8), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images))
    outputs = [keras.layers.Dense(1)(flat), keras.layers.Dense(1)(flat)]
    encoder = keras.Model(images, outputs, name="encoder")
    latent = keras.Input((1,))
    logits = keras.layers.Reshape((8, 8))(keras.layers.Dense(64)(latent))
    decoder = keras.Model(latent, logits, name="decoder")
    return keras.Model(images, decoder(encoder(images)[0]))


# The networks as taught


def test_the_convolutional_network_has_the_number_of_parameters_of_the_course() -> None:
    assert mnist_cnn.build().count_params() == 1_199_882


def test_words_come_last_with_any_padding_of_the_batch() -> None:
    model = imdb_lstm.build(9, 6)
    x = np.array([[3, 4, 5, 0, 0, 0], [7, 8, 0, 0, 0, 0]], np.uint16)
    whole = model.predict_on_batch(x)
    assert model.predict_on_batch(x[:, :3]) == pytest.approx(whole, abs=1e-6)
    embedding, lstm, dense = (layer for layer in model.layers if layer.weights)
    at_front = dense(lstm(embedding(np.array([[0, 0, 0, 3, 4, 5], [0, 0, 0, 0, 7, 8]]))))
    assert np.asarray(at_front) == pytest.approx(whole, abs=1e-6)
    assert (lstm.dropout, lstm.recurrent_dropout) == (0.2, 0.2)


def test_the_autoencoder_as_taught_fits_its_images() -> None:
    encoder, decoder = fashion_vae.build_encoder(), fashion_vae.build_decoder()
    assert [output.shape for output in encoder.outputs] == [(None, 2), (None, 2)]
    assert decoder.output_shape == (None, 28, 28)
    filters = [layer.filters for layer in encoder.layers if hasattr(layer, "filters")]
    assert filters == [128, 64]


def test_both_gan_networks_as_taught_are_trained() -> None:
    generator, discriminator = fashion_gan.build_generator(), fashion_gan.build_discriminator()
    assert generator.output_shape == discriminator.input_shape == (None, 28, 28)
    gan = fashion_gan.Gan(generator, discriminator)
    optimizer: Callable[[], Any] = lambda: keras.optimizers.Adam(0.01, beta_1=0.5)  # noqa: E731
    gan.compile(optimizer(), discriminator_optimizer=optimizer(), run_eagerly=True)
    before = [weight.numpy() for weight in gan.trainable_variables]
    images = np.full((2, 28, 28), 200, np.uint8)
    losses = gan.train_on_batch(images, np.zeros(2), return_dict=True)
    assert set(losses) == {"generator_loss", "discriminator_loss"}
    assert losses["discriminator_loss"] == pytest.approx(np.log(2), abs=0.3)
    changed = [(a != b.numpy()).any() for a, b in zip(before, gan.trainable_variables, strict=True)]
    assert all(changed)


def test_votes_are_scaled_to_0_to_1_and_masses_are_standardized() -> None:
    votes = np.array([[-1, 0, 1]], np.float32)
    assert tables.encode("votes_mlp", votes, votes)[1].tolist() == [[0, 0.5, 1]]
    train = np.array([[20, 1], [40, np.nan], [60, 3]], np.float32)
    encoded, x = tables.encode("masses_mlp", train, np.array([[np.nan, 4]], np.float32))
    assert encoded.mean(axis=0) == pytest.approx([0, 0])
    assert encoded[1, 1] == 0  # the mean where it is missing
    assert x.tolist() == [[0, 2]]


def test_every_row_of_a_table_is_predicted_by_a_network_not_trained_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = np.arange(60, dtype=np.float32)[:, None]  # so that each shows which it is
    y = (np.arange(60) % 3 == 0).astype(np.uint8)
    predicted: list[float] = []

    class Network:
        def compile(self, optimizer: Any, loss: str) -> None:
            assert float(optimizer.learning_rate) == pytest.approx(0.01)
            assert loss == "binary_crossentropy"

        def fit(self, x: np.ndarray, labels: np.ndarray, **options: Any) -> None:
            assert (options["epochs"], options["batch_size"]) == (2, 16)
            assert len(x) == 54
            assert labels.tolist() == ((2 * x[:, 0] - 1).round() % 3 == 0).tolist()
            self.seen = set(x[:, 0].tolist())

        def __call__(self, x: np.ndarray) -> np.ndarray:
            assert not self.seen.intersection(x[:, 0].tolist())
            predicted.extend(x[:, 0].tolist())
            return ((2 * x - 1).round() % 3 == 0) * 0.9

    monkeypatch.setattr(tables, "build", lambda *_: Network())
    metrics = tables.cross_validate("votes_mlp", make_config("tabular_mlp"), Split(rows, y))
    assert sorted(predicted) == [(row + 1) / 2 for row in range(60)]
    assert metrics == {"accuracy": 1.0, "accuracy_std": 0.0, "roc_auc": 1.0}


def test_the_networks_of_the_tables_have_the_units_of_the_course() -> None:
    network = tables.build([32, 16], 16, "random_normal")
    assert [layer.units for layer in network.layers] == [32, 16, 1]
    assert [layer.activation.__name__ for layer in network.layers] == ["relu", "relu", "sigmoid"]
    assert np.std(network.get_weights()[0]) == pytest.approx(0.05, rel=0.2)


def test_results_are_kept_as_json(tmp_path: Path) -> None:
    entry = results.make_entry([of([9], [0.9])], [of([1], [0.9])], ROW)
    write_json(tmp_path / "results.json", results.merge({}, "a", entry))
    assert read_json(tmp_path / "results.json") == {"a": entry}


# MNIST in seconds


def test_the_fast_recipe_prints_its_accuracy_on_the_test_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PARAMS.read_text()
    monkeypatch.chdir(tmp_path)
    PARAMS.write_text(text)
    classes = [str(digit) for digit in range(10)]
    write_json(PROCESSED / "mnist" / "info.json", INFOS["images"] | {"classes": classes})
    for name, count in (("train", 300), ("validation", 212), ("test", 50)):
        y = (np.arange(count) % 2).astype(np.uint8)
        x = np.full((count, 28, 28), 255, np.uint8) * y[:, None, None]  # black is 0, white is 1
        save_split(PROCESSED / "mnist" / name, Split(x, y))
    fast.main(time.perf_counter() - 100)
    printed = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"100\.00% of 50 test images, 1[01]\d\.\d s", printed)


# Seeds


def test_another_seed_changes_training_and_folds_only(
    values: recipes.Values,
) -> None:
    changed = seeds.with_seed(values, "votes_mlp", 7)
    before, after = parse_params(values, ""), parse_params(changed, "")
    assert after.models["votes_mlp"].training.seed == 7
    assert after.cross_validation["votes_mlp"].seed == 7
    assert values["models"]["votes_mlp"]["training"]["seed"] == 1
    assert after.datasets == before.datasets
    assert after.models["masses_mlp"] == before.models["masses_mlp"]


def test_results_of_another_recipe_are_dropped() -> None:
    one = seeds.add_result({}, "a", 2, 0.5)
    two = seeds.add_result(one, "a", 3, 0.75)
    assert two == {"recipe": "a", "results": {"2": 0.5, "3": 0.75}}
    assert seeds.add_result(two, "b", 2, 0.25) == {"recipe": "b", "results": {"2": 0.25}}
    assert page_results.results_by_seed(two, "a") == {2: 0.5, 3: 0.75}
    assert page_results.results_by_seed(two, "b") == {}
    assert page_results.results_by_seed({}, "a") == {}


def test_recorded_seeds_are_not_run_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[tuple[str, int]] = []

    def run_seed(_: recipes.Values, model: str, seed: int, metric: str) -> float:
        assert metric == "cv.accuracy"
        ran.append((model, seed))
        return seed / 10

    monkeypatch.setattr(seeds, "stop_stages_when_stopped", lambda: None)  # not these tests
    monkeypatch.setattr(seeds, "run_seed", run_seed)
    monkeypatch.setattr(seeds, "SEEDS", tmp_path / "seeds.json")
    monkeypatch.setattr(page_results, "SEEDS", tmp_path / "seeds.json")
    monkeypatch.setattr("sys.argv", ["seeds", "votes_mlp"])
    seeds.main()
    monkeypatch.setattr("sys.argv", ["seeds", "votes_mlp", "--seeds", "3", "4"])
    seeds.main()
    assert sorted(ran) == [("votes_mlp", 2), ("votes_mlp", 3), ("votes_mlp", 4)]
    assert read_json(tmp_path / "seeds.json")["votes_mlp"]["results"] == {
        "2": 0.2, "3": 0.3, "4": 0.4
    }  # fmt: skip


def test_a_failed_seed_leaves_the_others_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run_seed(values: recipes.Values, model: str, seed: int, metric: str) -> float:
        del values, model, metric
        if seed == 2:
            raise UserError("failed")
        return seed / 10

    monkeypatch.setattr(seeds, "stop_stages_when_stopped", lambda: None)  # not these tests
    monkeypatch.setattr(seeds, "run_seed", run_seed)
    for module in (seeds, page_results):
        monkeypatch.setattr(module, "SEEDS", tmp_path / "seeds.json")
    monkeypatch.setattr("sys.argv", ["seeds", "votes_mlp", "--seeds", "2", "3", "4"])
    with pytest.raises(UserError, match="failed"):
        seeds.main()
    recorded = read_json(tmp_path / "seeds.json")["votes_mlp"]["results"]
    assert recorded == {"3": 0.3, "4": 0.4}


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("cv.accuracy", ["cross_validate"]), ("test.accuracy", ["train", "evaluate"])],
)
def test_a_seed_runs_the_stages_of_its_metric(
    metric: str, expected: list[str], monkeypatch: pytest.MonkeyPatch, values: recipes.Values
) -> None:
    ran: list[str] = []

    def run_module(folder: Path, module: str, model: str) -> None:
        ran.append(module.removeprefix("stages."))
        assert parse_params(read_yaml(folder / "params.yaml"), "").models[model].training.seed == 5
        section, name = metric.split(".")
        path = folder / "reports" / model / ("cross_validation" if section == "cv" else "")
        write_json(path / "metrics.json", {section: {name: 0.5}})

    def make_project(folder: Path, changed: recipes.Values, model: str) -> None:
        del model
        folder.mkdir()
        (folder / "params.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))

    monkeypatch.setattr(seeds, "make_project", make_project)
    monkeypatch.setattr(seeds, "run_module", run_module)
    assert seeds.run_seed(values, "votes_mlp", 5, metric) == 0.5
    assert ran == expected
