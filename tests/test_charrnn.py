from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from stages import params, saving, training
from stages.data import PARTS, Part, describe_parts
from stages.datasets import text
from stages.errors import DivergedError, UserError
from stages.evaluation import Inputs
from stages.networks import charrnn
from stages.tasks.language import evaluate as language

RHYME = "The cat sat on the mat.\nThe dog, wet, ate 2 figs; why?\n" * 30
OPTIMIZER = params.Optimizer(
    name="adam", learning_rate=0.02, momentum=0.9, weight_decay=0.0, clip_norm=5.0
)
BLOCK = params.CharRnn(
    network="charrnn",
    task="language",
    dataset="alice",
    judge="alice_charrnn",
    seed=1,
    epochs=3,
    batch_size=4,
    sequence_length=10,
    optimizer=OPTIMIZER,
    schedule="cosine",
    precision="float32",
    cell="lstm",
    layers=2,
    units=12,
    embedding_units=6,
    embedding_dropout=0.1,
    dropout=0.2,
    sample_temperatures=[0.3, 1.0],
    sample_characters=20,
    samples_every=2,
)


def block(**choices: Any) -> params.CharRnn:
    return BLOCK.model_copy(update=choices)


def dataset(facts: Mapping[str, int] | None = None, **choices: Any) -> params.Text:
    shares = {"test_share": 0.1, "validation_share": 0.05, "limit": None}
    preprocess = params.TextPreprocess(**(shares | choices))
    return params.Text(
        module="text", source="t.txt", facts=dict(facts or {}), preprocess=preprocess
    )


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "t.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def prepared(tmp_path: Path) -> Any:
    return text.prepare(write(tmp_path, RHYME), dataset())


@pytest.fixture(autouse=True)
def _determinism() -> None:
    training.set_determinism(1)
    keras.config.set_dtype_policy("float32")


def decoded(part: Part, vocabulary: list[str]) -> str:
    return language.decode(part.x, vocabulary) + vocabulary[part.y[-1]]


def test_parts_follow_each_other_and_none_shares_a_character(tmp_path: Path) -> None:
    path = write(tmp_path, RHYME.replace("\n", "\r\n"))
    facts = {"characters": len(RHYME), "distinct": len(set(RHYME))}
    made = text.prepare(path, dataset(facts))
    vocabulary = made.description["vocabulary"]
    pieces = [decoded(made.parts[name], vocabulary) for name in PARTS]
    assert "".join(pieces) == RHYME
    assert len(pieces[2]) == len(RHYME) // 10
    assert len(pieces[1]) == len(RHYME) // 20
    for part in made.parts.values():
        assert part.x.dtype == part.y.dtype == np.uint16
        assert (part.x[1:] == part.y[:-1]).all()
    assert {"space", "newline"} < set(made.description["classes"])
    described = describe_parts(made.parts, made.description["classes"])
    assert sum(described["test"]["rows_by_class"].values()) == len(made.parts["test"].y)


def test_a_character_of_the_test_part_alone_is_in_the_vocabulary(tmp_path: Path) -> None:
    made = text.prepare(write(tmp_path, RHYME + "é"), dataset())
    assert "é" in made.description["vocabulary"]
    assert made.report["unknown_characters"] == {"train": 0, "validation": 0, "test": 1}


def test_a_limit_takes_the_first_characters(tmp_path: Path) -> None:
    made = text.prepare(write(tmp_path, RHYME), dataset(limit=200))
    vocabulary = made.description["vocabulary"]
    assert "".join(decoded(made.parts[name], vocabulary) for name in PARTS) == RHYME[:200]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "expected a text, found an empty file"),
        (b"\xef\xbb\xbf", "expected a text, found an empty file"),
        (b"caf\xe9 au lait", "not UTF-8: "),
        ("a" * 1000, "expected at least 2 distinct characters, found 1"),
        ("ab" * 10, "20 characters are too few to hold parts out"),
    ],
)
def test_a_text_that_can_not_be_used_is_named(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(UserError) as caught:
        text.prepare(path, dataset())
    assert str(caught.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(caught.value)


def test_a_missing_text_and_wrong_facts_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.txt: can not be read: No such file"):
        text.prepare(tmp_path / "nothing.txt", dataset())
    with pytest.raises(UserError, match=r"facts\.distinct: expected 73, found"):
        text.prepare(write(tmp_path, RHYME), dataset({"distinct": 73}))


@given(st.text(min_size=1, max_size=300), st.floats(0.05, 0.4), st.floats(0.05, 0.4))
def test_any_text_is_read_divided_in_order_and_named(
    tmp_path_factory: pytest.TempPathFactory, content: str, test: float, validation: float
) -> None:
    content = content.replace("\r", "\n").lstrip("\ufeff") or "?"
    read = text.read_text(write(tmp_path_factory.mktemp("text"), content.replace("\n", "\r\n")))
    assert read == content
    shares = dataset(test_share=test, validation_share=validation).preprocess
    assert "".join(text.divide(read, shares)[name] for name in PARTS) == read
    vocabulary = sorted(set(read))
    assert decoded(text.encode(read + read, vocabulary), vocabulary) == read + read
    assert len({text.readable(character) for character in vocabulary}) == len(vocabulary)


@given(st.integers(10, 400), st.integers(1, 8), st.integers(1, 10), st.data())
def test_streams_are_the_text_in_order(n: int, count: int, length: int, data: Any) -> None:
    part = Part(np.arange(n, dtype=np.uint16), np.arange(1, n + 1, dtype=np.uint16))
    x, y = charrnn.streams(part, count, length, 0)
    offset = data.draw(st.integers(0, n - x.size))
    x, y = charrnn.streams(part, count, length, offset)
    assert (y == x + 1).all()
    assert x.shape[2] == length
    assert 1 <= x.shape[1] <= count
    assert (x.swapaxes(0, 1).ravel() == np.arange(offset, offset + x.size)).all()
    assert n - x.size < x.shape[1] * length


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_two_trainings_are_equal_and_learn(cell: str, tmp_path: Path, prepared: Any) -> None:
    files, results = [], []
    parts = prepared.parts
    for index in range(2):
        keras.utils.clear_session()
        training.set_determinism(1)
        chosen = block(cell=cell)
        made = charrnn.train(chosen, prepared.description, parts["train"], parts["validation"])
        path = tmp_path / f"{index}.keras"
        saving.save_model(made.model, path, made.progress)
        files.append(path.read_bytes())
        results.append(made)
    assert files[0] == files[1]
    first, second = results
    assert first.history.equals(second.history)
    assert list(first.history) == ["epoch", "learning_rate", "loss", "val_loss"]
    assert first.history["val_loss"].iloc[-1] < first.history["val_loss"].iloc[0]
    assert first.progress["epochs"].tolist() == [0, 2, 3]
    assert first.progress["samples"].shape == (3, 2, 20)
    assert first.progress["samples"].dtype == np.uint16
    assert (first.progress["samples"][0] != first.progress["samples"][-1]).any()
    test = parts["test"]
    before = charrnn.surprise(first.model, test.x[None], test.y[None])
    loaded = saving.load_model(path)
    after = charrnn.surprise(loaded, test.x[None], test.y[None])
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_the_best_weights_are_kept(prepared: Any) -> None:
    train, validation = prepared.parts["train"], prepared.parts["validation"]
    wild = OPTIMIZER.model_copy(update={"learning_rate": 0.3})
    chosen = block(optimizer=wild, schedule="constant", epochs=6)
    made = charrnn.train(chosen, prepared.description, train, validation)
    losses = made.history["val_loss"]
    x, y = charrnn.side_by_side(validation, charrnn.STREAMS)
    assert charrnn.surprise(made.model, x, y).mean() == pytest.approx(losses.min(), abs=1e-6)
    assert losses.iloc[-1] > losses.min()


def test_bfloat16_trains_too(prepared: Any) -> None:
    train, validation = prepared.parts["train"], prepared.parts["validation"]
    chosen = block(precision="mixed_bfloat16", epochs=1)
    made = charrnn.train(chosen, prepared.description, train, validation)
    assert np.isfinite(made.history["val_loss"]).all()


def test_a_diverging_training_is_an_error_with_the_last_good_weights(prepared: Any) -> None:
    lost = OPTIMIZER.model_copy(update={"name": "sgd", "learning_rate": 1e38, "clip_norm": None})
    with pytest.raises(DivergedError, match="the loss is not a number in epoch") as caught:
        charrnn.train(
            block(optimizer=lost, schedule="constant"),
            prepared.description,
            prepared.parts["train"],
            prepared.parts["validation"],
        )
    assert all(np.isfinite(weights).all() for weights in caught.value.model.get_weights())


@pytest.mark.parametrize(("name", "length"), [("validation", 100), ("train", 2000)])
def test_a_part_shorter_than_a_sequence_is_named(prepared: Any, name: str, length: int) -> None:
    parts = prepared.parts
    with pytest.raises(UserError, match=f"expected a {name} part of at least {length + 1} char"):
        charrnn.train(
            block(sequence_length=length),
            prepared.description,
            parts["train"],
            parts["validation"],
        )


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_unrolled_and_looping_layers_agree(cell: str) -> None:
    unrolled = charrnn.build(block(cell=cell), 9, 10)
    looping = charrnn.build(block(cell=cell), 9)
    looping.set_weights(unrolled.get_weights())
    x = tf.constant(np.random.default_rng(0).integers(0, 9, (3, 10)), tf.int32)
    states = charrnn.zero_states(unrolled, 3)
    for one, other in zip(unrolled([x, *states]), looping([x, *states]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_state_is_carried_from_chunk_to_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    model = charrnn.build(BLOCK, 9)
    model.set_weights([weights * 3 for weights in model.get_weights()])
    x = np.random.default_rng(0).integers(0, 9, (2, 50)).astype(np.uint16)
    whole = charrnn.surprise(model, x, x)
    monkeypatch.setattr(charrnn, "CHUNK", 7)
    np.testing.assert_allclose(charrnn.surprise(model, x, x), whole, atol=1e-5)
    assert (charrnn.surprise(model, x[:, 7:], x[:, 7:]) != whole[:, 7:]).any()


def test_surprise_is_the_cross_entropy() -> None:
    model = charrnn.build(BLOCK, 9)
    x = np.random.default_rng(0).integers(0, 9, (2, 30)).astype(np.uint16)
    labels = tf.constant(x, tf.int32)
    logits, *_ = model([labels, *charrnn.zero_states(model, 2)])
    expected = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    np.testing.assert_allclose(charrnn.surprise(model, x, x), expected, atol=1e-5)


def test_texts_are_drawn_by_their_probability_and_low_temperatures_repeat() -> None:
    model = charrnn.build(block(layers=1), 3)
    weights = [np.zeros_like(each) for each in model.get_weights()]
    weights[-1] = np.log(np.array([0.6, 0.3, 0.1], np.float32))  # the logits, whatever was read
    model.set_weights(weights)
    noise = np.random.default_rng(0).gumbel(size=(4000, 2, 3))
    careful, plain = charrnn.writer(model)(0, [0.1, 1.0], noise)
    assert np.bincount(plain) / 4000 == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    assert (careful == 0).mean() > 0.99


def test_places_in_words_and_kinds_are_counted() -> None:
    following = "Ab c2!\n"
    nats = np.arange(7.0)
    table = language.by_position(following, nats).set_index("position")
    assert table["characters"].to_dict() == {0: 3, 1: 2, 2: 2}
    assert table["nats"].to_dict() == {0: 4.3333, 1: 1.5, 2: 2.5}
    kinds = language.by_kind(following, nats)
    assert dict(zip(kinds["kind"], kinds["characters"], strict=True)) == {
        "capital": 1, "letter": 2, "space": 1, "digit": 1, "punctuation": 1, "end of line": 1,
    }  # fmt: skip


@pytest.mark.parametrize("content", [RHYME, "?! " * 100])
def test_a_model_is_judged_by_the_last_tenth(tmp_path: Path, content: str) -> None:
    made = text.prepare(write(tmp_path, content), dataset())
    trained = charrnn.train(
        block(epochs=2), made.description, made.parts["train"], made.parts["validation"]
    )
    inputs = Inputs(
        made.description, made.parts, tmp_path, trained.model, lambda _: trained.model,
        trained.model, trained.history, dict(trained.progress),
    )  # fmt: skip
    result = language.evaluate(inputs, BLOCK)
    loss = result.metrics["validation"]["loss"]
    test = made.parts["test"]
    assert loss == charrnn.surprise(trained.model, test.x[None], test.y[None]).mean()
    assert result.metrics["validation"]["bits_per_char"] == pytest.approx(loss / np.log(2))
    assert result.chart["characters"].sum() == len(test.y)
    assert list(result.chart) == ["position", "nats", "characters"]
    samples = result.data["samples"]
    assert samples["epochs"] == [0, 2]
    assert [len(each) for each in samples["texts"]["1.0"]] == [20, 20]
    assert set(result.data["final_samples"]["texts"]) == {"0.3", "1.0"}
    assert len(result.data["final_samples"]["texts"]["0.3"]) == language.SHOWN
    assert set(result.figures) == {"curves", "context", "kinds", "word_positions", "strip"}
