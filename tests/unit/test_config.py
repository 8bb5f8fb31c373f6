from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from yamlcore import CCoreLoader

from stages.config import schema
from stages.config.load import get_section, load_params, parse_params, read_yaml, shorten
from stages.core.errors import ConfigError
from tests.reduced import ROOT

VALUES = read_yaml(ROOT / "params.yaml")
LARGE = {
    "filters": 4096, "kernel_size": 4, "padding": "same", "max_pool": True, "batch_norm": False,
}  # fmt: skip
LARGE_AND_FLAT = LARGE | {"filters": 100, "kernel_size": 1}


def changed(key: str, value: Any) -> dict[str, Any]:
    """Return the parameters with another value; a key ending in "-" is removed."""
    values = deepcopy(VALUES)
    *path, last = key.split(".")
    section = values
    for part in path:
        section = section[int(part) if isinstance(section, list) else part]
    if last.endswith("-"):
        del section[last[:-1]]
    else:
        section[int(last) if isinstance(section, list) else last] = value
    return values


def sections(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the classes of the schema, without those of other files such as tolerances.yaml."""
    found = [model, *(deeper for each in model.__subclasses__() for deeper in sections(each))]
    return [section for section in found if section.__module__ == schema.__name__]


def test_the_committed_parameters_are_accepted_and_not_changed() -> None:
    assert parse_params(VALUES, "params.yaml").model_dump(exclude_unset=True) == VALUES


def test_every_default_is_neutral_so_that_the_schema_cannot_change_a_result() -> None:
    for section in sections(schema.Section):
        for name, field in section.model_fields.items():
            if not field.is_required():
                assert field.default in (None, 0, False), f"{section.__name__}.{name}"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("models.mnist_cnn.network.droput", 0.5, "droput: extra inputs are not permitted, found"),
        ("models.mnist_cnn.network.dropout", "0.5", "dropout: input should be a valid number"),
        ("models.mnist_cnn.network.dropout", 1.0, "dropout: input should be less than 1, found 1"),
        ("models.mnist_cnn.network.dropout", -0.1, "dropout: input should be greater than or"),
        ("models.mnist_mlp.training.epochs", 2.5, "epochs: input should be a valid integer"),
        ("models.mnist_mlp.training.epochs", True, "epochs: input should be a valid integer"),
        ("models.mnist_mlp.training.epochs", 10**19, "epochs: input should be less than or equal"),
        ("models.mnist_mlp.training.batch_size", 10**12, "batch_size: input should be less than"),
        ("models.mnist_mlp.training.optimizer.learning_rate", -0.1, "learning_rate: input should"),
        ("models.mnist_mlp.training.optimizer.learning_rate", 1e300, "learning_rate: input should"),
        ("models.mnist_mlp.training.optimizer.learning_rate", float("nan"), "learning_rate: input"),
        ("models.mnist_mlp.training.optimizer.name", "adma", "optimizer.name: expected one of 'ad"),
        ("models.mnist_mlp.training.optimizer.name-", None, "optimizer.name: expected one of"),
        ("models.mnist_mlp.training.optimizer.momentum", 0.9, "momentum: extra inputs are not"),
        ("models.mnist_mlp.training.seed", 2**32, "seed: input should be less than 4294967296"),
        ("models.mnist_mlp.training.augmentation.shift", 14, "shift: input should be less than 14"),
        ("models.mnist_cnn.network.name", "cnm", "models.mnist_cnn.network.name: expected one of"),
        ("models.mnist_cnn.network.name-", None, "models.mnist_cnn.network.name: expected one of"),
        ("models.mnist_cnn.network-", None, "models.mnist_cnn.network.name: expected one of"),
        ("models.mnist_cnn.dataset", "mnits", "models.mnist_cnn.dataset: no dataset 'mnits', exp"),
        ("models.mnist_cnn.evaluation.evaluator", "mnist_mlp", "expected 'none' for classificati"),
        ("models.fashion_vae.evaluation.evaluator", "none", "expected a classifier of fashion_mn"),
        ("models.fashion_vae.evaluation.evaluator", "mnist_cnn", "expected a classifier of fashi"),
        ("models.fashion_gan.evaluation.evaluator", "fashion_vae", "expected a classifier of fas"),
        ("models.imdb_gru.network.cell", "lsmt", "network.cell: input should be 'lstm', 'gru' or"),
        ("models.imdb_cnn.network.kernel_sizes", [], "kernel_sizes: list should have at least 1"),
        ("models.imdb_cnn.network.kernel_sizes", [0], "kernel_sizes.0: input should be greater"),
        ("models.imdb_cnn.network.embedding_dim", 2049, "embedding_dim: input should be less th"),
        ("models.imdb_cnn.dataset", "alice", "text_cnn cannot read 'alice', expected one of imdb"),
        ("models.imdb_cnn_lstm.network.recurrent.cell", "lsmt", "cell: input should be 'lstm', "),
        ("models.imdb_cnn_lstm.network.recurrent.max_pool", 0, "max_pool: input should be great"),
        ("models.imdb_cnn_lstm.network.recurrent.units", 10_000, "recurrent.units: a layer of 4"),
        ("models.imdb_ngrams.network.max_words", 4, "max_words: input should be less than or eq"),
        ("models.imdb_ngrams.network.smoothing", 0.0, "smoothing: input should be greater than"),
        ("models.imdb_ngrams.dataset", "mnist", "ngrams cannot read 'mnist', expected one of i"),
        ("models.imdb_word2vec.training.window", 0, "window: input should be greater than or eq"),
        ("models.imdb_word2vec.training.subsampling", 1.5, "subsampling: input should be less"),
        ("models.imdb_word2vec.training.input_pipeline", "texts", "input should be 'skip_grams'"),
        ("models.imdb_word2vec.report.metric", "test.f1_macro", "expected one of analogies.acc"),
        ("models.mnist-cnn", VALUES["models"]["mnist_cnn"], "models.mnist-cnn: string should mat"),
        ("models.a\n", VALUES["models"]["mnist_cnn"], "models.a\\n"),
        ("datasets.imdb.preprocess.keep", "middle", "keep: input should be 'start' or 'end'"),
        ("datasets.imdb.preprocess.vocabulary_size", 65_537, "vocabulary_size: input should be l"),
        ("datasets.imdb.preprocess.max_length", 10**9, "max_length: input should be less than or"),
        ("datasets.mnist.module", "os", "datasets.mnist.module: expected one of 'idx_images'"),
        ("datasets.mnist.module-", None, "datasets.mnist.module: expected one of"),
        ("datasets.mnist.preprocess.classes.0", "$x^{$", "must be 1 to 40 printable characters"),
        ("datasets.mnist.preprocess.classes.0", "1", "class names must be unique"),
        ("datasets.xor", VALUES["datasets"]["flower"], "synthetic.xor: duplicate id, also in"),
        ("datasets.flower.preprocess.test_fraction", 0.9, "leave at least a tenth for training"),
        ("datasets.garments.preprocess.image_shape", [32, 32, 2], "expected 1 or 3 channels, fou"),
        ("datasets.garments.preprocess.image_shape", [32, 32], "image_shape: list should have at"),
        ("datasets.garments.preprocess.image_shape", [1024, 1025, 3], "expected at most a megapix"),
        ("downloads.mnist.files.0.sha256", "12", "downloads.mnist.files.0.sha256: string should"),
        ("downloads.mnist.files.0.name", "../evil", "must be a file name without folders"),
        ("downloads.mnist.files.0.name", "/abs/evil", "must be a file name without folders"),
        ("downloads.mnist.files.0.name", "..", "must be a file name without folders"),
        ("downloads.mnist.files.0.name", "a\0b", "must be a file name without folders"),
        ("downloads.mnist.files.0.name", "x" * 300, "name: string should have at most 200 chara"),
        ("synthetic.xor.num_points", 10**30, "num_points: input should be less than or equal to"),
        ("dates.typo_rate", 1.0, "dates.typo_rate: input should be less than 1, found 1.0"),
        ("digit_rows.num_examples", 0, "num_examples: input should be greater than or equal to"),
        ("datasets.dates", VALUES["datasets"]["flower"], "dates: duplicate id, also in datasets"),
        ("datasets.neuron.preprocess.horizon", 0, "horizon: input should be greater than or equal"),
        ("datasets.neuron.preprocess.averaged", 2.5, "averaged: input should be a valid integer"),
        ("datasets.neuron.preprocess.last", 1000, "last: expected more than first, 1000, found 1"),
        ("models.dates_seq2seq.task", "captioning", "task: expected 'translation' for a text seq2"),
        ("models.dates_seq2seq.dataset", "digit_rows", "text seq2seq cannot read 'digit_rows', e"),
        ("models.dates_seq2seq.network.encoder.type", "audio", "type: expected one of 'text', 'im"),
        ("models.dates_seq2seq.network.decoder.attention", "x", "attention: input should be 'addi"),
        ("models.dates_seq2seq.network.encoder.units", 65_536, "expected at most 200,000,000"),
        ("models.dates_seq2seq.network.decoder.units", 65_536, "expected at most 200,000,000"),
        ("models.digits_captioning.network.encoder.filters", [], "filters: list should have at l"),
        ("models.neuron_forecast.network.filters", 65_536, "expected at most 200,000,000"),
        ("models.neuron_forecast.network.dense_units", [65_536] * 2, "expected at most 200,000,0"),
        ("models.neuron_forecast.dataset", "alice", "tcn cannot read 'alice', expected one of ne"),
        ("models.neuron_forecast.report.metric", "test.accuracy", "report.metric: expected one of"),
        ("models.mnist_cnn.report.target", float("nan"), "report.target: input should be a finit"),
        ("models.mnist_cnn.report.course", float("inf"), "report.course: input should be a finit"),
        ("models.mnist_cnn.report.metric", "test.acuracy", "report.metric: expected one of test."),
        ("models.mnist_cnn.report.metric", "cv.accuracy", "report.metric: expected one of test."),
        ("models.mnist_linear.dataset", "ring", "models.mnist_linear.dataset: mlp cannot read 'r"),
        ("models.mnist_linear.dataset", "congressional_votes", "mlp cannot read 'congressional_v"),
        ("models.votes_mlp.dataset", "mnist", "tabular_mlp cannot read 'mnist', expected one of"),
        ("models.toy_xor.dataset", "ring", "toy_mlp cannot read 'ring', expected one of circle"),
        ("models.paint_image.dataset", "mnist", "fourier_mlp cannot read 'mnist', expected one o"),
        ("models.fashion_gan.dataset", "imdb", "dcgan cannot read 'imdb'"),
        ("models.toy_gan_ring.dataset", "mnist", "mlp GAN cannot read 'mnist'"),
        ("models.toy_gan_ring.task", "image_generation", "task: expected 'toy_generation' for a"),
        (
            "models.fashion_gan.network.discriminator",
            {"type": "mlp", "hidden_units": [4], "activation": "relu"},
            "discriminator.type: expected that of the generator, 'dcgan', found 'mlp'",
        ),
        (
            "models.fashion_gan.training.input_pipeline",
            "arrays",
            "models.fashion_gan.training.",
        ),
        (
            "models.fashion_gan.training.discriminator_optimizer.ema_momentum",
            0.9,
            "discriminator_optimizer.ema_momentum: no effect",
        ),
        (
            "models.mnist_cnn.network.conv_layers.0.kernel_size",
            29,
            "conv_layers.0: its output",
        ),
        (
            "models.mnist_cnn.network.conv_layers.0.kernel_size",
            27,
            "conv_layers.1: its output",
        ),
        ("models.mnist_cnn.network.conv_layers.0.filters", 10**7, "filters: input should be less"),
        ("models.mnist_mlp.network.hidden_units", [65_536, 65_536], "a layer of 4,294,967,296 pa"),
        ("models.mnist_mlp.network.hidden_units", [20_000, 10_001], "a layer of 200,020,000 para"),
        (
            "models.mnist_cnn.network.conv_layers",
            [LARGE, LARGE],
            "conv_layers.1: a layer of 268,4",
        ),
        ("models.alice_charrnn.network.units", 7072, "a layer of 200,052,736 parameters, expec"),
        (
            "models.fashion_cnn.network.dense_units",
            [65_536],
            "a layer of 205,520,896 parameters, e",
        ),
        ("models.alice_charrnn.network.units", 65_536, "parameters, expected at most 200,000,000"),
        ("models.fashion_cvae.evaluation.evaluator", "none", "expected a classifier of fashion_m"),
        ("models.fashion_autoencoder.task", "restoration", "task: expected 'reconstruction' with"),
        ("models.fashion_autoencoder.network.latent_dim", None, "latent_dim: expected a number"),
        ("models.fashion_autoencoder.dataset", "garments", "expected images with classes"),
        ("models.fashion_denoising.task", "reconstruction", "task: expected 'restoration' with"),
        ("models.fashion_denoising.training.corruption.stddev", 0.0, "stddev: input should be gr"),
        ("models.fashion_denoising.training.corruption.type", "blur", "type: expected one of 'no"),
        (
            "models.fashion_denoising.training.corruption",
            {"type": "grayscale"},
            "corruption.type: grayscale: the images have no colors",
        ),
        ("models.garments_colorization.network.decoder_filters", [4], "expected 3 numbers, as ma"),
        ("models.garments_colorization.dataset", "imdb", "autoencoder cannot read 'imdb'"),
        ("calibration.fashion_vae", {"dataset": "mnist", "accuracy": 0.9}, "whose task is classif"),
        (
            "calibration.imdb_ngrams",
            {"dataset": "imdb", "accuracy": 0.9},
            "is trained on the valida",
        ),
        ("calibration.mnist_cnn.dataset", "imdb", "expected that of models.mnist_cnn, 'mnist', fo"),
        ("calibration.mnist_cnn.accuracy", 1.5, "accuracy: input should be less than"),
        ("anomaly_detection.mnist_mlp", {"dataset": "mnist", "anomalies": "mnist"}, "whose task"),
        ("anomaly_detection.fashion_autoencoder.dataset", "mnist", "dataset: expected that of mo"),
        ("anomaly_detection.fashion_autoencoder.anomalies", "imdb", "expected one of mnist, foun"),
        ("anomaly_detection.fashion_autoencoder.anomalies", "fashion_mnist", "expected one of mni"),
        ("cross_validation.mnist_vae", VALUES["cross_validation"]["votes_mlp"], "expected the id"),
        ("cross_validation.votes_mlp.dataset", "mnist", "expected that of models.votes_mlp, 'con"),
        ("cross_validation.votes_mlp.folds", 1, "folds: input should be greater than or equal to"),
        ("cross_validation.votes_mlp.repeats", 10**12, "repeats: input should be less than or"),
        (
            "exploration.mnist_cnn",
            VALUES["exploration"]["mnist_gan"],
            "whose task is image_generation",
        ),
        ("exploration.mnist_gan.dataset", "fashion_mnist", "expected that of models.mnist_gan, 'm"),
        ("exploration.mnist_gan.evaluator", "mnist_mlp", "models.mnist_gan, 'mnist_cnn', found"),
        ("exploration.mnist_gan.restarts", 0, "restarts: input should be greater than or equal to"),
        (
            "exploration.garments_gan",
            VALUES["exploration"]["mnist_gan"] | {"dataset": "garments", "evaluator": "none"},
            "expected grayscale images, found 'garments'; exploration.garments_gan.evaluator",
        ),
        ("models.mnist_draw.network.glimpses", 0, "glimpses: input should be greater than or"),
        ("models.mnist_draw.network.read_size", 1, "read_size: input should be greater than or"),
        ("models.mnist_draw.dataset", "garments", "draw cannot read 'garments'"),
        ("models.mnist_draw.report.metric", "test.accuracy", "report.metric: expected one of"),
        ("models.mnist_draw.evaluation.evaluator", "mnist_cnn", "expected 'none' for drawing"),
        ("mystery", 1, "mystery: extra inputs are not permitted, found 1"),
        ("models-", None, "models: field required"),
    ],
)
def test_a_wrong_parameter_is_named_in_one_line(key: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_params(changed(key, value), "params.yaml")
    message = str(caught.value)
    assert message.startswith("params.yaml: ")
    assert expected in message
    assert "\n" not in message
    assert len(message) < 2000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("datasets.flower.preprocess.test_fraction", 0.85),  # 0.05 are for validation
        ("datasets.garments.preprocess.image_shape", [1024, 1024, 3]),
        ("datasets.garments.preprocess.image_shape", [64, 64, 1]),
        ("models.mnist_mlp.network.hidden_units", []),
        ("models.mnist_mlp.network.hidden_units", [20_000, 10_000]),
        ("models.mnist_cnn.network.conv_layers", [LARGE | {"kernel_size": 3}, LARGE_AND_FLAT]),
        ("models.alice_charrnn.network.units", 7071),
        ("models.fashion_gan.evaluation.evaluator", "none"),
        ("models.votes_mlp.report.metric", "test.roc_auc"),
    ],
)
def test_what_just_fits_is_accepted(key: str, value: Any) -> None:
    assert parse_params(changed(key, value), "params.yaml")


def test_only_the_first_problems_are_named() -> None:
    for count, end in ((5, "found 1"), (7, "found 1; and 2 more")):
        unknown = {f"mystery_{number}": 1 for number in range(count)}
        with pytest.raises(ConfigError) as caught:
            parse_params(VALUES | unknown, "params.yaml")
        assert str(caught.value).count("extra inputs are not permitted") == 5
        assert str(caught.value).endswith(end)


def test_a_long_text_is_shortened_to_one_line() -> None:
    assert shorten("a" * 80) == "a" * 80
    assert shorten("a" * 81) == "a" * 77 + "..."
    assert shorten("a\nb  c") == "a\\nb c"


def test_five_max_pooling_layers_are_one_too_many() -> None:
    layers = [
        {"filters": 4, "kernel_size": 3, "padding": "same", "max_pool": True, "batch_norm": False}
    ] * 5
    with pytest.raises(ConfigError, match=r"conv_layers\.4: its output .* size 0 for 28x28"):
        parse_params(changed("models.mnist_cnn.network.conv_layers", layers), "params.yaml")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: 1\na: 2\n", "line 2: not YAML: found duplicate key"),
        (b"a: [1\n", "line 2: not YAML"),
        (b"a: &x [1]\nb: *x\n", "line 2: aliases"),
        (b"[" * 5000, "nested more than 20 levels deep"),
        ("models: Größe".encode("latin-1"), "not UTF-8"),
        (b"a: \0\n", "not YAML"),
        (b"a: \x07\n", "not YAML"),
        (b"\x1f\x8b\x08\x00", "not UTF-8"),
        (b"a: " + b"9" * 5000 + b"\n", "not YAML"),
        (b"a: !!python/object:os.system x\n", "line 1: not YAML: could not determine"),
        (b"a: " + b"x" * 1_000_001, "expected at most 1000000 bytes"),
        (b"[" * 21 + b"]" * 21, "line 1: nested more than 20 levels deep"),
    ],
)
def test_a_file_that_is_not_yaml_is_rejected_in_one_line(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_params(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_twenty_levels_may_be_nested_and_as_many_lists_as_one_likes(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("[" * 20 + "]" * 20)
    assert str(read_yaml(path)) == "[" * 20 + "]" * 20
    path.write_text("- [1]\n" * 30)
    assert read_yaml(path) == [[1]] * 30


def test_a_missing_file_says_where_to_run() -> None:
    with pytest.raises(ConfigError, match="no such file; run from the project's top folder"):
        load_params(Path("elsewhere.yaml"))


def test_a_mistyped_id_lists_those_there_are() -> None:
    params = parse_params(VALUES, "params.yaml")
    with pytest.raises(ConfigError, match=r"no model 'mnist_cmn', expected one of mnist_linear, "):
        get_section(params.models, "mnist_cmn", "model")


SCALARS = st.one_of(
    st.from_regex(r"[-+]?[0-9]{1,3}(\.[0-9]{0,3})?([eE][-+]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["yes", "No", "on", "null", "~", "true", "False", "012", "0o12", "1:30", ".5"]),
    st.text(alphabet="abyeonft", min_size=1, max_size=4),
)


@given(
    st.lists(SCALARS, max_size=5), st.dictionaries(st.from_regex("k[a-z]", fullmatch=True), SCALARS)
)
def test_yaml_is_read_as_dvc_reads_it(items: list[str], mapping: dict[str, str]) -> None:
    lines = ["items:", *(f"- {item}" for item in items)]
    lines += [f"{key}: {value}" for key, value in mapping.items()]
    text = "\n".join(lines) + "\n"
    try:
        expected = parse_yaml(text, "")
    except YAMLFileCorruptedError:
        return
    assert repr(read_text(text)) == repr(expected)


def read_text(text: str) -> Any:
    return yaml.load(text, Loader=CCoreLoader)


def test_the_files_are_read_as_dvc_reads_them() -> None:
    for name in ("params.yaml", "dvc.yaml", "tests/reduced.yaml"):
        text = (ROOT / name).read_text()
        assert read_text(text) == parse_yaml(text, name)


def test_dvc_writes_an_equal_value_without_changing_the_file(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text())
    before = path.read_text()
    apply_overrides(path, ["models.mnist_cnn.network.dropout=0.3"])
    assert path.read_text() == before
    apply_overrides(path, ["models.mnist_cnn.network.dropout=0.4"])
    difference = [
        line
        for line, old in zip(path.read_text().split("\n"), before.split("\n"), strict=True)
        if line != old
    ]
    assert difference == ["      dropout: 0.4"]


@given(st.data())
def test_neighbors_of_a_valid_file_are_accepted_or_rejected_in_one_line(
    data: st.DataObject,
) -> None:
    values = deepcopy(VALUES)
    section: Any = values
    while True:
        keys = list(range(len(section))) if isinstance(section, list) else list(section)
        key = data.draw(st.sampled_from(keys))
        if not isinstance(section[key], dict | list) or not section[key]:
            break
        section = section[key]
    section[key] = data.draw(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.just([])
        | st.just({})
    )
    message = ""
    try:
        parse_params(values, "params.yaml")
    except ConfigError as error:
        message = str(error)
    assert "\n" not in message
    assert len(message) < 2000
