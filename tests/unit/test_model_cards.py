"""Model cards: their texts are complete, and their numbers are those of the results."""

import re
import shlex
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import model_cards as stage
from stages import predict
from stages.config.load import load_params
from stages.core.files import flatten, read_json, write_json
from stages.page import cards, model_cards, uses
from stages.page.model_cards import Evidence
from stages.page.results import read_metrics

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")
HEADINGS = [
    "Model details", "Intended use", "Training data", "Evaluation data", "Metrics",
    "Limitations and biases", "Costs of errors", "How to use",
]  # fmt: skip
OWN_FILES = {"row.png", "numbers.txt"}  # no example is in docs/examples/
SPEC: dict[str, Any] = {
    "classes": ["no", "yes"],
    "positive_class": None,
    "input": {"type": "points"},
    "precision": "float32",
    "processor": "a processor",
}
CALIBRATION = {
    "temperature": 1.25,
    "threshold": 0.9,
    "validation": {
        "accuracy": 0.95,
        "answered": 0.8,
        "accuracy_answered": 0.99,
        "expected_calibration_error_before": 0.04,
        "expected_calibration_error": 0.01,
    },
    "unlike": {"type": "none"},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a folder with the committed reports and invented specs; only mnist_cnn is calibrated.

    Trained models are not in git.
    """
    (tmp_path / "params.yaml").symlink_to(ROOT / "params.yaml")
    (tmp_path / "reports").mkdir()
    for path in (ROOT / "reports").iterdir():
        if path.name != "cards":
            (tmp_path / "reports" / path.name).symlink_to(path)
    for name, model in PARAMS.models.items():
        write_json(tmp_path / "models" / name / "spec.json", SPEC | {"task": model.task})
    write_json(tmp_path / "models/mnist_cnn/calibration.json", CALIBRATION)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def evidence(project: Path) -> Evidence:
    assert project
    return stage.read_evidence("mnist_cnn", PARAMS, {})


def read_card(model: str) -> str:
    return (ROOT / "reports/cards" / f"{model}.md").read_text(encoding="utf-8")


def section(card: str, heading: str) -> str:
    return card.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("model", PARAMS.models)
def test_every_model_has_texts_on_use_limits_and_costs(model: str) -> None:
    task = uses.TASKS[PARAMS.models[model].task]
    dataset = uses.DATASETS[PARAMS.models[model].dataset]
    assert all((task.intended, task.limits, dataset.out_of_scope, dataset.limits, dataset.errors))
    classifies = PARAMS.models[model].task in {"classification", "toy_classification"}
    assert bool(task.errors) != classifies  # else the costs depend on the dataset


def test_no_text_is_of_a_task_or_dataset_that_does_not_exist() -> None:
    assert set(uses.TASKS) == {model.task for model in PARAMS.models.values()}
    assert set(uses.DATASETS) == set(cards.CARDS)


@pytest.mark.parametrize("text", [*uses.TASKS.values(), *uses.DATASETS.values()])
def test_texts_have_no_results(text: uses.TaskUse | uses.DatasetUse) -> None:
    words = " ".join(text[:3])
    assert not re.search(r"\d\s?%|\d\.\d", words)
    assert all(part.endswith(".") for part in text[:3] if part)


def test_every_model_has_a_committed_card_and_no_other_has() -> None:
    assert {path.stem for path in (ROOT / "reports/cards").iterdir()} == set(PARAMS.models)


@pytest.mark.parametrize("model", PARAMS.models)
def test_a_committed_card_has_the_standard_headings_with_text(model: str) -> None:
    card = read_card(model)
    assert re.findall("^## (.*)$", card, re.MULTILINE) == HEADINGS
    assert all(section(card, heading).strip() for heading in HEADINGS)
    assert "| None" not in card
    assert "\n\n\n" not in card
    assert not re.search(r"[ \t]$", card, re.MULTILINE)


@pytest.mark.parametrize("model", PARAMS.models)
def test_the_metrics_of_a_committed_card_are_those_of_the_results(model: str) -> None:
    metrics = read_metrics(ROOT / "reports" / model)
    rows = re.findall(
        r"^\| `(.*)` \| (\S+)(?: [\w ]+)? \|", section(read_card(model), "Metrics"), re.M
    )
    assert rows[0][0] == PARAMS.models[model].report.metric
    assert {name for name, _ in rows} == set(metrics)
    for name, shown in rows:
        value = float(shown.rstrip("%").replace(",", "")) / (100 if shown.endswith("%") else 1)
        assert value == pytest.approx(metrics[name], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("model", PARAMS.models)
def test_the_metadata_of_a_committed_card_are_yaml_with_the_main_metric(model: str) -> None:
    metadata = yaml.safe_load(read_card(model).split("---\n")[1])
    config = PARAMS.models[model]
    assert metadata["library_name"] == "keras"
    assert metadata["datasets"] == [config.dataset]
    (entry,) = metadata["model-index"]
    (result,) = entry["results"]
    assert (entry["name"], result["task"]["type"]) == (model, config.task)
    value = read_metrics(ROOT / "reports" / model)[config.report.metric]
    assert result["metrics"] == [{"type": config.report.metric, "value": value}]


@pytest.mark.parametrize("model", PARAMS.models)
def test_the_links_of_a_committed_card_exist(model: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", read_card(model))
    assert links
    for link in links:
        assert link.startswith("https://") or (ROOT / "reports/cards" / link).exists(), link


@pytest.mark.parametrize("model", PARAMS.models)
def test_the_command_of_a_card_is_one_of_predict(model: str) -> None:
    (command,) = re.findall(r"^python -m stages\.predict (.*)$", read_card(model), re.MULTILINE)
    parser = ArgumentParser()
    predict.add_arguments(parser)
    options = parser.parse_intermixed_args(shlex.split(command))
    predict.check(options, {**SPEC, "task": PARAMS.models[model].task})
    assert options.model == model
    files = [each for each in options.inputs if re.search(r"\.[a-z]{3}$", each)]
    assert all(each in OWN_FILES or (ROOT / each).is_file() for each in files)


def test_the_card_of_masses_says_first_that_it_is_no_diagnosis() -> None:
    card = read_card("masses_mlp")
    assert card.index("Not a diagnostic tool") < card.index("accuracy: **")
    assert "Out of scope: diagnosis" in section(card, "Intended use")
    assert "false negative is a missed cancer" in section(card, "Costs of errors")


def test_the_stage_writes_a_card_of_each_model_and_removes_others(project: Path) -> None:
    other = project / "reports/cards/other.md"
    other.parent.mkdir()
    other.touch()
    stage.main()
    assert {path.stem for path in other.parent.iterdir()} == set(PARAMS.models)


def test_a_changed_result_changes_the_card(evidence: Evidence) -> None:
    page = evidence.page._replace(metrics={"test.accuracy": 0.98765, "new_metric": 12})
    card = model_cards.render(evidence._replace(page=page))
    assert "Test accuracy: **98.77%** (higher is better)." in card
    assert "| `new_metric` | 12 |" in card
    assert "value: 0.98765}" in card


def test_the_spread_over_seeds_is_shown(evidence: Evidence) -> None:
    entry = read_json(ROOT / "reports/seeds.json")["mnist_cnn"]
    page = stage.read_evidence("mnist_cnn", PARAMS, entry).page._replace(seed_results=[0.99, 0.97])
    page = page._replace(metrics={"test.accuracy": 0.98})
    card = model_cards.render(evidence._replace(page=page))
    assert "| 98.00% | 97.00% to 99.00% (range of 3 seeds); " in card
    assert "It was trained with 3 seeds." in card


def test_seeds_of_another_recipe_are_not_shown(project: Path) -> None:
    assert project
    entry = {"recipe": "another", "results": {"2": 0.9}}
    card = model_cards.render(stage.read_evidence("mnist_cnn", PARAMS, entry))
    assert "the variance over seeds is unknown" in card


def test_cross_validation_is_described_with_its_spread(project: Path) -> None:
    assert project
    card = model_cards.render(stage.read_evidence("votes_mlp", PARAMS, {}))
    folds = PARAMS.cross_validation["votes_mlp"]
    assert f"{folds.repeats} repetitions" in section(card, "Evaluation data")
    assert f"other {folds.folds - 1} of {folds.folds} folds" in section(card, "Evaluation data")
    assert "standard deviation over folds" in section(card, "Metrics")
    assert "- Cross-validation: " in section(card, "Metrics")


def test_calibration_says_when_there_is_no_answer(evidence: Evidence) -> None:
    costs = section(model_cards.render(evidence), "Costs of errors")
    assert "temperature of 1.25" in costs
    assert "from 4.00% to 1.00%" in costs
    assert "Below a confidence of 90.0%" in costs
    assert "coverage is 80.0% and the accuracy on covered examples 99.00%" in costs
    assert "compared with 95.00% on all" in costs
    assert "out-of-distribution" not in costs
    warned = model_cards.describe_abstention(CALIBRATION | {"unlike": {"type": "ranges"}})
    assert warned.endswith("It also warns of out-of-distribution inputs.")
    assert model_cards.describe_abstention({}) == ""


def test_the_errors_of_each_side_are_counted(evidence: Evidence) -> None:
    counts = [("no", "no", 90), ("no", "yes", 10), ("yes", "no", 5), ("yes", "yes", 1_000)]
    records = [
        {"actual": actual, "predicted": predicted, "count": count}
        for actual, predicted, count in counts
    ]
    rates = {"test.false_negative_rate": 5 / 1_005, "test.false_positive_rate": 0.1}
    page = evidence.page._replace(details={"data": {"confusion_matrix": records}}, metrics=rates)
    spec = SPEC | {"task": "classification"}
    several = model_cards.describe_errors(page, spec)
    assert several == "15 of 1,105 test examples are misclassified."
    binary = model_cards.describe_errors(page, spec | {"positive_class": "yes"})
    assert binary == (
        f"{several} At a threshold of 50%, 0.5% of the test examples of class yes are predicted as"
        " no (false negatives), and 10.0% of those of class no as yes (false positives)."
    )
    assert model_cards.describe_errors(page, spec | {"task": "translation"}) == ""


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ({"type": "image", "shape": [32, 16, 3]}, "An image, resized to 32x16 pixels."),
        (
            {"type": "text", "vocabulary": ["a"] * 2_000, "max_length": 80},
            "Text, encoded as at most 80 words; vocabulary of 2,000.",
        ),
        (
            {"type": "table", "columns": [{"name": "age"}, {"name": "shape"}]},
            "A row of a table with the columns age, shape.",
        ),
        (
            {
                "type": "time_series",
                "length": 120,
                "unit": "mV",
                "interval": 2.0,
                "time_unit": "ms",
            },
            "120 values in mV, 2 ms apart.",
        ),
    ],
)
def test_inputs_are_described(encoding: dict[str, Any], text: str) -> None:
    assert model_cards.describe_input(encoding) == text


def test_a_dataset_of_your_own_asks_for_its_texts(evidence: Evidence) -> None:
    page = evidence.page._replace(dataset="mine")
    card = model_cards.render(evidence._replace(page=page, report={}))
    assert "Out of scope: not described yet: add it to stages/page/uses.py" in card


def test_a_cell_of_a_table_cannot_end_it() -> None:
    assert model_cards.escape_cell("a|b\nc") == "a\\|b c"


def test_metrics_of_further_evaluations_are_included() -> None:
    folded = flatten(read_json(ROOT / "reports/votes_mlp/cross_validation/metrics.json"))
    assert all(f"| `{name}` |" in read_card("votes_mlp") for name in folded)
