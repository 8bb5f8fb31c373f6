from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from stages import params
from stages.errors import UserError
from tests import reduced

VALUES = params.read_yaml(reduced.ROOT / "params.yaml")


def changed(key: str, value: Any) -> dict[str, Any]:
    values = deepcopy(VALUES)
    *path, last = key.split(".")
    block = values
    for part in path:
        block = block[part]
    block[last] = value
    return values


def blocks(model: type[BaseModel]) -> list[type[BaseModel]]:
    return [model, *(deeper for each in model.__subclasses__() for deeper in blocks(each))]


def test_the_committed_parameters_are_accepted_and_not_changed() -> None:
    assert params.parse(VALUES, "params.yaml").model_dump() == VALUES


def test_the_schema_has_no_default_and_so_can_not_change_a_result() -> None:
    for block in blocks(params.Block):
        for name, field in block.model_fields.items():
            assert field.is_required(), f"{block.__name__}.{name}"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("models.mnist_cnn.droput", 0.5, "models.mnist_cnn.droput: extra inputs are not permitted"),
        ("models.mnist_cnn.dropout", "0.5", "models.mnist_cnn.dropout: input should be a valid"),
        ("models.mnist_cnn.dropout", 1.0, "models.mnist_cnn.dropout: input should be less than 1"),
        (
            "models.mnist_mlp.epochs",
            2.5,
            "models.mnist_mlp.epochs: input should be a valid integer",
        ),
        (
            "models.mnist_mlp.epochs",
            True,
            "models.mnist_mlp.epochs: input should be a valid integer",
        ),
        (
            "models.mnist_mlp.optimizer.learning_rate",
            -0.1,
            "models.mnist_mlp.optimizer.learning_rate: input should be greater than 0, found -0.1",
        ),
        (
            "models.mnist_mlp.optimizer.learning_rate",
            float("nan"),
            "models.mnist_mlp.optimizer.learning_rate: input should be",
        ),
        ("models.mnist_cnn.network", "cnm", "models.mnist_cnn: input tag 'cnm'"),
        ("models.mnist_cnn.dataset", "mnits", "models.mnist_cnn.dataset: no dataset 'mnits'"),
        (
            "models.mnist_cnn.judge",
            "mnist_cmn",
            "models.mnist_cnn.judge: expected the model itself or a model whose task is",
        ),
        ("models.imdb_gru.cell", "lsmt", "models.imdb_gru.cell: input should be 'lstm', 'gru'"),
        (
            "models.mnist-cnn",
            VALUES["models"]["mnist_cnn"],
            "models.mnist-cnn: string should match",
        ),
        ("datasets.imdb.preprocess.keep", "middle", "datasets.imdb.preprocess.keep: input should"),
        ("downloads.mnist.files", {"a": "12"}, "downloads.mnist.files.a: string"),
        ("surprise", 1, "surprise: extra inputs are not permitted"),
    ],
)
def test_a_wrong_parameter_is_named_on_one_line(key: str, value: Any, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        params.parse(changed(key, value), "params.yaml")
    assert str(caught.value).startswith(f"params.yaml: {expected}")
    assert "\n" not in str(caught.value)


def test_a_missing_parameter_is_named() -> None:
    values = deepcopy(VALUES)
    del values["models"]["mnist_cnn"]["seed"]
    with pytest.raises(UserError, match=r"^params.yaml: models.mnist_cnn.seed: field required$"):
        params.parse(values, "params.yaml")


def test_a_model_without_a_row_in_the_report_is_named() -> None:
    values = deepcopy(VALUES)
    del values["report"]["results"]["imdb_gru"]
    with pytest.raises(UserError, match="report\\.results and models differ in imdb_gru"):
        params.parse(values, "params.yaml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_nothing_but_parameters_is_accepted(values: Any) -> None:
    with pytest.raises(UserError):
        params.parse(values, "params.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "line 1: not YAML"),
        ("a: 1\na: 2\n", "not YAML"),
        ("models: {}", "downloads: field required"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        params.load(path)
    assert str(path) in str(caught.value)
    assert expected in str(caught.value)


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("rate: 1e-3\n")
    assert params.read_yaml(path) == {"rate": 0.001}


def test_an_unknown_id_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="no model 'mnist_cmn', expected one of mnist_linear, "):
        params.get(params.parse(VALUES, "params.yaml").models, "mnist_cmn", "model")


def test_overrides_bring_no_new_key() -> None:
    with pytest.raises(UserError, match="models\\.mnist_cnn\\.epoch: no such key"):
        reduced.reduce(VALUES, {"models": {"mnist_cnn": {"epoch": 1}}})
