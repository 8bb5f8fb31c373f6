"""Data cards: texts of each dataset, and sentences about the values of data reports."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages import synthesize, synthesize_dates
from stages.config.load import load_params
from stages.core.files import read_json
from stages.core.splits import SPLITS
from stages.datasets import mammographic_masses
from stages.datasets.congressional_votes import CODES, VOTES
from stages.encoding.table import MISSING
from stages.page import cards
from stages.page.results import read_details
from stages.synthesize_digit_rows import FRACTIONS

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")
MASSES = cards.CARDS["mammographic_masses"]
IMAGES = {
    "kind": "image",
    "examples": 10_000,
    "exact": 0,
    "other_class": 0,
    "near": 0,
    "min_correlation": 0.995,
}
TEXTS = {
    "kind": "text",
    "examples": 25_000,
    "exact": 123,
    "other_class": 0,
    "near": 4,
    "words": 5,
    "min_resemblance": 0.5,
}
ROWS = {"kind": "table", "examples": 200, "exact": 50, "other_class": 3}
PASSAGES = {"kind": "characters", "examples": 14_847, "passage": 40, "repeated": 83}


GENERATED = {"dates", "digit_rows", *PARAMS.synthetic}


@pytest.mark.parametrize("dataset", [*PARAMS.datasets, *sorted(GENERATED)])
def test_every_dataset_of_the_parameters_has_a_card(dataset: str) -> None:
    card = cards.CARDS[dataset]
    assert all((card.summary, card.license, card.inputs, card.duplicates or dataset == "alice"))
    assert dataset in GENERATED or (card.citation and card.missing)
    assert card.source or cards.find_urls(
        PARAMS.datasets[dataset].source,
        {name: download.urls for name, download in PARAMS.downloads.items()},
    ) or Path(ROOT, PARAMS.datasets[dataset].source).exists()  # fmt: skip


def test_no_card_is_of_a_dataset_that_does_not_exist() -> None:
    assert set(cards.CARDS) == {*PARAMS.datasets, *GENERATED}


def test_medical_data_has_a_disclaimer() -> None:
    assert MASSES.notice.startswith("Not a diagnostic tool.")


def test_the_photo_is_credited_as_its_license_demands() -> None:
    card = cards.CARDS["flower"]
    readme = (ROOT / "data/own/README.md").read_text(encoding="utf-8")
    assert "vultilion" in card.citation
    assert card.license in readme
    assert card.reference in readme


def test_features_and_codes_are_those_of_the_source() -> None:
    votes = cards.CARDS["congressional_votes"].features
    assert list(votes) == VOTES
    assert all(set(feature.codes) == set(CODES) for feature in votes.values())
    assert list(MASSES.features) == mammographic_masses.FEATURES
    for name, number in mammographic_masses.NUM_CODES.items():
        if name != "bi_rads":
            assert list(MASSES.features[name].codes) == [str(code + 1) for code in range(number)]
    assert cards.MISSING == MISSING
    assert tuple(cards.SPLITS) == SPLITS


def test_each_module_has_a_name_for_its_examples() -> None:
    assert {dataset.module for dataset in PARAMS.datasets.values()} <= set(cards.EXAMPLES)


# Sources and splits


@pytest.mark.parametrize(
    ("source", "urls"),
    [
        ("data/raw/a", ["u", "v"]),
        ("data/raw/a/text.txt", ["u", "v"]),
        ("data/raw/b", []),
        ("data/raw", []),
        ("data/own/a", []),
        ("own/raw/a", []),
    ],
)
def test_urls_are_those_of_the_download(source: str, urls: list[str]) -> None:
    assert cards.find_urls(source, {"a": ["u", "v"]}) == urls


OPTIONS: dict[str, Any] = {"validation_fraction": 0.0833, "test_fraction": 0.2, "seed": 7}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"module": "idx_images", "preprocess": {**OPTIONS, "max_examples": None}},
            "The test set is the official one. Validation: 8.33% of the official training set,"
            " drawn at random, stratified by class (seed 7).",
        ),
        (
            {"module": "imdb", "preprocess": {**OPTIONS, "max_examples": 2000}},
            "The test set is the official one. Validation: 8.33% of the official training set,"
            " drawn at random, stratified by class (seed 7). At most 2,000 examples of each set are"
            " used.",
        ),
        (
            {"module": "congressional_votes", "preprocess": OPTIONS},
            "Test: 20%, validation: 8.33% of all rows, drawn at random, stratified by class"
            " (seed 7). There is no official test set.",
        ),
        (
            {"module": "image_folder", "preprocess": OPTIONS},
            "Test: 20%, validation: 8.33% of all images, drawn at random (seed 7). There is no"
            " official test set.",
        ),
        (
            {"module": "text_file", "preprocess": OPTIONS},
            "In the order of the text, not at random: test is the last 20%, validation the 8.33%"
            " before it.",
        ),
        ({}, ""),
    ],
)
def test_the_split_is_described(config: dict[str, Any], expected: str) -> None:
    assert cards.describe_split(config) == expected


def test_the_split_of_synthetic_points_is_that_of_their_stage() -> None:
    ends = [0, *synthesize.ENDS, 1]
    train, validation, test = (f"{end - start:.0%}" for start, end in pairwise(ends))
    text = cards.describe_split({"shape": "xor", "num_points": 1000, "seed": 3})
    assert text.startswith(
        f"Of 1,000 points, {train} are for training, {validation} for validation and {test} for"
    )
    assert "(seed 3)" in text


@pytest.mark.parametrize(
    ("section", "fractions"),
    [("dates", np.diff([0, *synthesize_dates.ENDS, 1])), ("digit_rows", FRACTIONS)],
)
def test_the_split_of_generated_sequences_is_that_of_their_stage(
    section: str, fractions: Sequence[float]
) -> None:
    config = getattr(PARAMS, section).model_dump()
    train, validation, test = (f"{fraction:.0%}" for fraction in fractions)
    assert cards.describe_split(config).startswith(
        f"Of {config['num_examples']:,} examples, {train} are for training, {validation} for"
        f" validation and {test} for test (seed {config['seed']})."
    )


@pytest.mark.parametrize("dataset", PARAMS.datasets)
def test_every_split_of_the_parameters_is_described(dataset: str) -> None:
    config = PARAMS.datasets[dataset].model_dump()
    assert cards.share(config["preprocess"]["validation_fraction"]) in cards.describe_split(config)


# Duplicates


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            IMAGES,
            "Of the 10,000 test images, none is in the training or validation split too. None has a"
            " near-duplicate there, with a correlation of the pixels of at least 0.995.",
        ),
        (
            IMAGES | {"near": 20},
            "Of the 10,000 test images, none is in the training or validation split too. 20 (0.2%)"
            " have a near-duplicate there, with a correlation of the pixels of at least 0.995.",
        ),
        (
            IMAGES | {"exact": 1, "near": None, "other_class": 1},
            "Of the 10,000 test images, 1 (0.01%) is in the training or validation split too. 1 of"
            " these equals one of another class. There are too many images to search for"
            " near-duplicates.",
        ),
        (
            TEXTS,
            "Of the 25,000 test reviews, 123 (0.49%) are in the training or validation split too."
            " 4 (0.016%) more have a near-duplicate there, with at least 50% of their sequences of"
            " 5 words in common.",
        ),
        (
            ROWS,
            "Of the 200 test rows, 50 (25%) have the same feature values as a training or"
            " validation row. 3 of these equal one of another class.",
        ),
        (
            ROWS | {"exact": 1, "other_class": 0},
            "Of the 200 test rows, 1 (0.5%) has the same feature values as a training or"
            " validation row.",
        ),
        (
            PASSAGES,
            "Of the 14,847 test characters, 83 (0.56%) are in a passage of 40 or more characters"
            " that also occurs in the training or validation text.",
        ),
        (PASSAGES | {"repeated": None}, "The text is too long to search for repeated passages."),
        ({}, ""),
    ],
)
def test_duplicates_are_described(found: dict[str, Any], expected: str) -> None:
    assert cards.describe_duplicates({"duplicates": found}) == expected


def test_duplicates_that_were_not_counted_are_no_statement() -> None:
    assert cards.describe_duplicates({"counts": {}}) == "Not counted in this data report."
    assert cards.describe_duplicates({}) == ""


# Inputs and missing values

MISSING_VALUES = {
    "age": {"no": 0.0, "yes": 0.0112},
    "density": {"no": 0.1047, "yes": 0.0494},
    "any feature": {"no": 0.5, "yes": 0.1},
}


def test_the_feature_that_is_missing_most_often_is_named_with_its_classes() -> None:
    assert cards.describe_missing(MISSING_VALUES, MASSES) == (
        "Most often missing: Density, in 10.5% of the no rows and 4.9% of the yes rows."
    )
    complete = {"age": {"no": 0.0}, "any feature": {"no": 0.0}}
    assert cards.describe_missing(complete, MASSES) == cards.describe_missing({}, MASSES) == ""
    assert "50.0% of the no rows and 10.0% of the yes" in cards.describe_incomplete(MISSING_VALUES)
    assert cards.describe_incomplete({}) == ""


def test_the_handling_of_missing_values_is_that_of_the_parameters() -> None:
    for drop, expected in ((False, "No row is dropped"), (True, "Incomplete rows are dropped")):
        config = {"preprocess": {"drop_incomplete": drop}}
        card = cards.describe("mammographic_masses", {"missing": MISSING_VALUES}, config, [])
        assert expected in card["missing"]


def test_features_have_names_codes_and_an_example() -> None:
    values = {"age": "67", "density": "?", "shape": "3", "extra_column": "5"}
    report = {"missing": MISSING_VALUES, "example": {"class": "yes", "values": values}}
    by_name = {row["name"]: row for row in cards.describe_features(report, MASSES)}
    assert list(by_name) == ["Age", "Density", "Shape", "Extra column"]
    assert by_name["Age"]["value"] == "67 years"
    assert by_name["Density"]["value"] == "missing"
    assert by_name["Density"]["meaning"] == "1 high, 2 iso, 3 low, 4 fat-containing"
    assert by_name["Density"]["missing"] == MISSING_VALUES["density"]
    assert by_name["Shape"]["value"] == "3: lobular"
    assert by_name["Shape"]["missing"] == {}
    assert by_name["Extra column"]["value"] == "5"


def test_a_feature_that_is_missing_from_the_example_is_no_input() -> None:
    report = {"missing": {"bi_rads": {"no": 0.1}}, "example": {"values": {"age": "67"}}}
    values = {row["name"]: row["value"] for row in cards.describe_features(report, MASSES)}
    assert values == {"BI-RADS assessment": "not an input", "Age": "67 years"}
    (row,) = cards.describe_features({"missing": {"bi_rads": {"no": 0.1}}}, MASSES)
    assert row["value"] == ""
    assert cards.describe_features({"counts": {}}, MASSES) == []


def test_a_vote_that_was_not_recorded_is_no_missing_value() -> None:
    card = cards.CARDS["congressional_votes"]
    report = {"example": {"values": {"crime": "?", "immigration": "y"}}}
    values = [row["value"] for row in cards.describe_features(report, card)]
    assert values == ["?: no recorded vote", "y: yea"]


def test_bi_rads_is_said_to_be_no_input_only_if_it_is_dropped() -> None:
    report = {"bi_rads_out_of_range": {"0": 5, "6": 1000}}
    dropped = cards.describe_inputs(report, {"preprocess": {"drop_bi_rads": True}})
    assert "other values were treated as missing: 0 (5 rows), 6 (1,000 rows)." in dropped
    assert "It is not an input" in dropped
    assert "not an input" not in cards.describe_inputs(
        report, {"preprocess": {"drop_bi_rads": False}}
    )
    assert "missing: none." in cards.describe_inputs({"bi_rads_out_of_range": {}}, {})


@pytest.mark.parametrize(
    ("dataset", "texts"),
    [
        ("imdb", ["13.4% of the training reviews have more than 400 words", "median is 175 words",
                  "3.3% of the words", "(20,000 words)"]),
        ("alice", ["26,458 words, 73 distinct characters", "3.12 nats per character"]),
        ("flower", ["downscaled to 128x85 pixels"]),
        ("garments", ["JPEG (8,000), 48 pixels wide and 48 pixels high"]),
        ("mnist", []),
    ],
)  # fmt: skip
def test_the_inputs_of_the_committed_reports_are_described(dataset: str, texts: list[str]) -> None:
    report = read_details(ROOT / "reports/data" / dataset)
    described = cards.describe_inputs(report, {})
    assert all(text in described for text in texts)
    assert bool(described) == bool(texts)


def test_a_range_has_one_number_if_all_are_equal() -> None:
    assert cards.span({"min": 48.0, "max": 48.0}) == "48"
    assert cards.span({"min": 480.0, "max": 1024.0}) == "480 to 1,024"


def test_the_noise_of_synthetic_points_is_given() -> None:
    card = cards.describe("xor", {}, PARAMS.synthetic["xor"].model_dump(), [])
    assert (
        "about -1 to 1, with Gaussian noise. The standard deviation of the noise is 0.03."
        in (card["inputs"])
    )


# Counts


def test_splits_are_counted_in_one_order() -> None:
    splits = {
        "test": {"y": {"shape": [20]}, "examples_per_class": {"a": 15, "b": 5}},
        "train": {"y": {"shape": [60]}, "examples_per_class": {"a": 60, "b": 0}},
    }
    counted = cards.count_examples(splits)
    assert list(counted) == ["training", "test"]
    assert counted["training"] == {
        "examples": 60, "fraction": 0.75, "by_class": {"a": 60, "b": 0},
    }  # fmt: skip
    assert cards.list_classes(splits) == ["a", "b"]
    assert cards.list_classes({"test": {"examples_per_class": {"image": 5}}}) == []
    assert cards.list_classes({"test": {"y": {"shape": [5]}}}) == []


def test_a_dataset_without_a_card_is_described_by_its_parameters() -> None:
    config = {"module": "text_file", "source": "data/own/my.txt", "preprocess": OPTIONS}
    card = cards.describe("mine", {"counts": {}, "splits": {}}, config, [])
    assert card["source"] == "data/own/my.txt"
    assert card["examples"] == "characters"
    assert card["split"].startswith("In the order of the text")
    assert card["license"] == "Not recorded"
    assert card["missing"] == card["notice"] == ""
    bare = cards.describe("mine", {}, {}, ["u"])
    assert (bare["source"], bare["urls"], bare["examples"]) == ("", ["u"], "examples")


@pytest.mark.parametrize("dataset", PARAMS.datasets)
def test_the_card_of_each_committed_report_is_complete(dataset: str) -> None:
    config = PARAMS.datasets[dataset].model_dump()
    (report,) = read_json(ROOT / f"reports/data/{dataset}/details.json")
    card = cards.describe(dataset, report, config, [])
    json.dumps(card)
    assert list(card["sizes"]) == ["training", "validation", "test"]
    assert card["split"]
    assert card["duplicates"]
