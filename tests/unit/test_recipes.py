import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.recipes import load_recipes
from stages.config.load import load_params
from stages.page import explanations, networks, recipes
from stages.page.recipes import Recipe, Row, make_recipe
from stages.page.render import describe_model
from stages.page.results import read_course_recipes

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")
COURSE_RECIPES = read_course_recipes()


def recipe(**training: Any) -> Recipe:
    values = {
        "input_pipeline": "images",
        "epochs": 3,
        "batch_size": 32,
        "optimizer": {"name": "adam", "learning_rate": 0.001, "schedule": "constant"},
    }
    network = {"name": "mlp", "hidden_units": [8], "activation": "relu", "dropout": 0.0}
    return Recipe(network, values | training, {}, 1234)


def compared(model: str) -> dict[str, Row]:
    config = PARAMS.models[model]
    ours = make_recipe(config, PARAMS.datasets[config.dataset], {"num_params": 7})
    rows = recipes.compare_settings(model, ours, COURSE_RECIPES[model])
    return {row.title: row for row in rows}


@pytest.mark.parametrize("model", PARAMS.models)
def test_every_model_has_a_sentence_layers_and_a_recipe(model: str) -> None:
    config = PARAMS.models[model]
    network = config.network.model_dump()
    sentence = networks.describe_network(network)
    assert re.fullmatch(r"A [^{}]+\.", sentence)
    assert networks.describe_layers(network)
    rows = recipes.list_settings(make_recipe(config, None, {"num_params": 7}))
    titles = {row.title for row in rows}
    assert titles >= {"Layers", "Parameters", "Optimizer", "Learning rate", "Schedule"}
    assert titles >= {"Training length", "Batch size", "Regularization", "Precision"}
    assert not any(row.course or row.differs or row.reasons for row in rows)


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        ("mnist_linear", "softmax output"),
        ("mnist_mlp", "dense 512 ReLU → softmax output"),
        ("imdb_gru", "embedding 128 → GRU 128 → average and max-pooling over all words → "),
        ("alice_charrnn", "embedding 64 → LSTM 256 → LSTM 256 → softmax output"),
        ("toy_spiral", "dense 8 tanh → dense 8 tanh → sigmoid output"),
        ("toy_gan_ring", "Generator: 4-D noise → dense 32 leaky ReLU → dense 32 leaky ReLU → "),
        ("garments_gan", "Generator: 100-D noise → dense to 128 feature maps, batch norm → "),
        ("fashion_vae", "Encoder: conv 32, stride 2, batch norm → conv 64, stride 2, batch "),
        ("fashion_cvae", "Encoder: conv 16, stride 2, batch norm → conv 32, stride 2, batch "),
        ("fashion_autoencoder", "Encoder: conv 32, stride 2, batch norm → conv 64, stride 2, "),
        ("fashion_denoising", "Encoder: conv 32, stride 2, batch norm → conv 64, stride 2, "),
        ("paint_image", "128 random Fourier frequencies (sigma 6) → dense 256 ReLU → "),
        ("mnist_cnn", "conv 32 (3x3, valid), max-pool, batch norm → conv 64 (3x3, valid), "),
    ],
)
def test_layers(model: str, layers: str) -> None:
    assert networks.describe_layers(PARAMS.models[model].network.model_dump()).startswith(layers)


def test_an_unknown_network_has_no_texts() -> None:
    network = {"name": "transformer", "cell": "lstm"}
    assert networks.describe_network(network) == ""
    assert networks.describe_layers(network) == ""
    assert networks.find_references(network) == ()


def test_networks_with_variants_have_a_sentence_for_each() -> None:
    linear, deep = ({"name": "mlp", "hidden_units": units} for units in ([], [8]))
    assert "linear classifier" in networks.describe_network(linear)
    assert "fully connected" in networks.describe_network(deep)
    cells = {
        networks.describe_network({"name": "text_rnn", "cell": cell}) for cell in networks.CELLS
    }
    assert len(cells) == len(networks.CELLS)
    convolutional = {
        networks.describe_network({"name": "text_cnn", "recurrent": recurrent})
        for recurrent in (None, {"cell": "lstm"})
    }
    assert len(convolutional) == 2


@pytest.mark.parametrize("key", networks.REFERENCES)
def test_references_are_those_of_the_code(key: str) -> None:
    name = key.partition("/")[0]
    code = "".join(path.read_text() for path in (ROOT / "stages/networks" / name).glob("*.py"))
    for citation, url in networks.REFERENCES[key]:
        assert citation.split()[0].rstrip(",") in code, citation
        assert url.startswith("https://")
        arxiv = re.search(r"arXiv (\d{4}\.\d{5})", code)
        if arxiv and "arxiv.org" in url and len(networks.REFERENCES[key]) == 1:
            assert url.endswith(arxiv[1])


@pytest.mark.parametrize("model", PARAMS.models)
def test_linked_files_exist(model: str) -> None:
    ours = make_recipe(PARAMS.models[model], None, {})
    about = describe_model(model, ours, COURSE_RECIPES.get(model, {}))
    for link in filter(None, (about["code"], about["course_code"])):
        assert (ROOT / "reports" / link).is_file()


def test_the_recipes_are_those_of_the_benchmarks() -> None:
    loaded = load_recipes()
    assert set(COURSE_RECIPES) == set(loaded) == set(explanations.COURSES)
    for model, entry in loaded.items():
        assert COURSE_RECIPES[model]["training"] == entry.training


def test_networks_that_params_cannot_describe_have_a_text() -> None:
    modules = {path.stem for path in (ROOT / "benchmarks/as_taught").glob("*.py")}
    described = {model for model, course in explanations.COURSES.items() if course.layers}
    assert described == modules & set(COURSE_RECIPES)
    assert not [model for model in described if COURSE_RECIPES[model].get("network")]


@pytest.mark.parametrize("model", COURSE_RECIPES)
def test_what_differs_is_explained(model: str) -> None:
    rows = compared(model)
    assert rows["Learning rate"].differs
    for row in rows.values():
        assert row.differs == (row.ours != row.course)
        assert row.ours
        assert row.course
        assert bool(row.reasons) == (row.differs and row.title != "Parameters"), row


def test_the_number_of_parameters_of_the_course() -> None:
    from benchmarks.as_taught import fashion_gan, fashion_vae, imdb_lstm, mnist_cnn, tables
    from stages.config.schema import Cnn
    from stages.networks.cnn.train import build

    alexnet = Cnn.model_validate(COURSE_RECIPES["mnist_alexnet"]["network"])
    vocabulary = PARAMS.datasets["imdb"].preprocess.model_dump()["vocabulary_size"]
    built = {
        "mnist_cnn": [mnist_cnn.build()],
        "mnist_alexnet": [build(alexnet, (28, 28), 10)],
        "imdb_lstm": [imdb_lstm.build(vocabulary, 80)],
        "fashion_vae": [fashion_vae.build_encoder(), fashion_vae.build_decoder()],
        "fashion_gan": [fashion_gan.build_generator(), fashion_gan.build_discriminator()],
        "votes_mlp": [tables.build([32, 16], 16, "glorot_uniform")],
        "masses_mlp": [tables.build([6], 4, "random_normal")],
    }
    counts = {name: sum(part.count_params() for part in parts) for name, parts in built.items()}
    counts |= dict.fromkeys(("mnist_lowlevel", "mnist_mlp"), 784 * 512 + 512 + 512 * 10 + 10)
    known = {model: course.num_params for model, course in explanations.COURSES.items()}
    assert known == counts


def test_the_lstm_differs_from_that_of_the_course() -> None:
    rows = compared("imdb_lstm")
    assert (rows["Input"].ours, rows["Input"].course) == ("at most 400 words", "at most 80 words")
    assert "More of each review" in rows["Input"].reasons[0]
    assert "last state" in rows["Layers"].course
    assert rows["Gradient clipping"].course == "none"
    assert (rows["Training length"].ours, rows["Training length"].course) == (
        "2 epochs",
        "15 epochs",
    )


def test_equal_recipes_do_not_differ() -> None:
    ours = recipe()
    rows = recipes.compare_settings("mine", ours, {"training": ours.training})
    assert {row.title for row in rows if row.differs} == {"Parameters"}  # unknown of the course
    assert not any(row.reasons for row in rows)


@pytest.mark.parametrize(
    ("ours", "course", "change"),
    [
        ([1], [1], ""),
        ([], [], ""),
        ([2], [1], "higher"),
        ([0.5], [1], "lower"),
        ([0.1], [], "higher"),
        ([], [0.1], "lower"),
        ([0.0], [], "other"),
        ([True], [False], "higher"),
        ([True, False], [False, True], "other"),
        ([32, 64], [64, 128], "lower"),
        (["sgd"], ["adam"], "sgd"),
        (["sgd"], [], "sgd"),
        ([], ["sgd"], ""),
        (["same", "same"], ["same", "valid"], "same"),
    ],
)
def test_changes(ours: list[Any], course: list[Any], change: str) -> None:
    assert recipes.describe_change(ours, course) == change


def test_a_change_without_an_explanation_has_none() -> None:
    assert recipes.explain(["epochs", "unknown"], {"epochs": [1], "unknown": [2]}, {}) == [
        explanations.EXPLANATIONS["epochs"]["higher"]
    ]
    assert recipes.explain(["dropout"], {"dropout": [0.1]}, {"dropout": [0.1]}) == []


def test_parameters_are_collected_by_name() -> None:
    training = {
        "generator_optimizer": {"name": "adam", "learning_rate": 0.1},
        "discriminator_optimizer": {"name": "sgd", "learning_rate": 0.2, "momentum": None},
    }
    network = {"name": "cnn", "conv_layers": [{"filters": 8}, {"filters": 16}], "dense_units": []}
    found = recipes.collect(Recipe(network, training, {"max_length": 80}, None))
    assert found == {
        "filters": [8, 16],
        "name": ["adam", "sgd"],
        "learning_rate": [0.1, 0.2],
        "max_length": [80],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00001, "0.00001"),
        (10.0, "10"),
        (100, "100"),
        (0.0, "0"),
        (1024, "1,024"),
        (1.2728, "1.2728"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert recipes.number(value) == text


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        ({"name": "adam", "beta_1": 0.9, "beta_2": 0.999}, "Adam"),
        ({"name": "adam", "beta_1": 0.5, "beta_2": 0.999}, "Adam, beta_1 0.5"),
        ({"name": "sgd", "momentum": 0.0, "nesterov": False}, "SGD"),
        ({"name": "sgd", "momentum": 0.9, "nesterov": True}, "SGD, Nesterov momentum 0.9"),
        ({"name": "rmsprop", "rho": 0.9, "momentum": 0.5}, "RMSprop, momentum 0.5"),
        ({"name": "adagrad"}, "Adagrad"),
        ({"name": "lion"}, "lion"),
    ],
)
def test_optimizers(optimizer: dict[str, Any], text: str) -> None:
    assert recipes.describe_optimizer(optimizer) == text


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        ({}, ""),
        ({"global_clipnorm": 5.0, "clipvalue": None}, "global norm at most 5"),
        ({"global_clipnorm": None, "clipvalue": 0.05}, "each value within ±0.05"),
    ],
)
def test_clipping(optimizer: dict[str, Any], text: str) -> None:
    assert recipes.describe_clipping(optimizer) == text


def test_two_optimizers_are_told_apart_where_they_differ() -> None:
    first, second = (
        {"learning_rate": rate, "schedule": "cosine", "ema_momentum": ema}
        for rate, ema in ((0.1, 0.99), (0.2, None))
    )
    gan = Recipe({}, {"generator_optimizer": first, "discriminator_optimizer": second}, {}, None)
    assert recipes.per_optimizer(gan, recipes.describe_rate) == (
        "0.1 at its peak (generator), 0.2 at its peak (discriminator)"
    )
    assert recipes.per_optimizer(gan, lambda optimizer: optimizer["schedule"]) == "cosine"
    assert recipes.per_optimizer(gan, recipes.describe_averaging) == (
        "exponential moving average, momentum 0.99 (generator)"
    )


@pytest.mark.parametrize(
    ("training", "text"),
    [
        ({}, "none"),
        ({"label_smoothing": 0.1}, "label smoothing 0.1"),
        ({"early_stopping_patience": 1}, "early stopping after 1 epoch without improvement"),
        ({"label_smoothing": 0.0, "r1_weight": 0.5}, "R1 penalty 0.5"),
    ],
)
def test_regularization(training: dict[str, Any], text: str) -> None:
    assert recipes.describe_regularization(recipe(**training)) == text


@pytest.mark.parametrize(
    ("training", "text"),
    [
        ({}, "none"),
        ({"augmentation": None}, "none"),
        ({"augmentation": {"shift": 0, "flip": False}}, "none"),
        ({"augmentation": {"shift": 1, "flip": False}}, "random shifts of up to 1 pixel"),
        (
            {"augmentation": {"shift": 2, "flip": True}},
            "random shifts of up to 2 pixels, random horizontal flips",
        ),
        (
            {
                "augmentation": {"shift": 0, "flip": False, "rotation": 12.5, "zoom": 0.1}
                | {"shear": 0.2, "erase": 8}
            },
            "rotations of up to 12.5°, scaling by up to 10%, shearing by up to 0.2, an erased "
            "square of 8 pixels",
        ),
        ({"input_pipeline": "arrays"}, ""),
    ],
)
def test_augmentation(training: dict[str, Any], text: str) -> None:
    assert recipes.describe_augmentation(recipe(**training)) == text


def test_explanations_are_sentences() -> None:
    for changes in explanations.EXPLANATIONS.values():
        for sentence in changes.values():
            assert re.fullmatch(r"[A-Zb].{20,130}\.", sentence), sentence
