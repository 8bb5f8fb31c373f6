from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from stages.config.schema import Augmentation
from stages.core.splits import Split
from stages.learning.runtime import session
from stages.pipelines import arrays, common, images, texts
from tests.factories import make_config, make_images, make_texts

IMAGES = make_images()
TEXTS = make_texts()
SHIFT_AND_FLIP = Augmentation(shift=2, flip=True)


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    with session(1, "float32"):
        yield


def training(network: str, **values: Any) -> Any:
    return make_config(network, training={"batch_size": 10, **values}).training


def unpack(batches: tf.data.Dataset) -> tuple[list[np.ndarray], list[np.ndarray]]:
    pairs = [(x.numpy(), y.numpy()) for x, y in batches]
    return [x for x, _ in pairs], [y for _, y in pairs]


def with_labels(x: np.ndarray, y: np.ndarray) -> list[tuple[int, ...]]:
    return sorted((*row, label) for row, label in zip(x.tolist(), y.tolist(), strict=True))


@pytest.mark.parametrize("pipeline", [arrays, images])
def test_training_batches_hold_every_example_once_with_its_label(pipeline: Any) -> None:
    batches = pipeline.make_batches(IMAGES, training("mlp"), shuffle=True)
    orders = []
    for _ in range(2):
        x, y = unpack(batches)
        assert [len(batch) for batch in y] == [10, 10, 10, 10, 1]
        labels = np.concatenate(y)
        assert np.bincount(labels).tolist() == [12, 20, 9]
        assert (np.concatenate(x).mean(axis=2).argmax(axis=1) == 2 * labels + 1).all()
        assert (x[0].dtype, y[0].dtype) == (np.uint8, np.uint8)
        orders.append(labels.tolist())
    assert len(batches) == 5
    assert orders[0] != orders[1]
    assert orders[0] != IMAGES.y.tolist()


@pytest.mark.parametrize(("pipeline", "network"), [(arrays, "tabular_mlp"), (images, "mlp")])
def test_other_batches_are_in_order_of_a_constant_size_and_not_augmented(
    pipeline: Any, network: str
) -> None:
    split = make_images((400, 250, 51))
    values = {"augmentation": {"shift": 2, "flip": True}} if pipeline is images else {}
    x, y = unpack(pipeline.make_batches(split, training(network, **values), shuffle=False))
    assert [len(batch) for batch in y] == [500, 201]
    assert (np.concatenate(x) == split.x).all()
    assert (np.concatenate(y) == split.y).all()


@pytest.mark.parametrize("pipeline", [arrays, images])
def test_a_large_memory_map_is_read_from_disk_with_the_same_batches(
    pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", IMAGES.x)
    config = training("mlp", augmentation={"shift": 1, "flip": True})
    results = []
    for limit in (1 << 28, 0):
        monkeypatch.setattr(common, "MAX_IN_MEMORY", limit)
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        with session(3, "float32"):
            batches = pipeline.make_batches(Split(mapped, IMAGES.y), config, shuffle=True)
            assert batches.element_spec[0].shape.as_list() == [None, 8, 8]
            results.append([unpack(batches) for _ in range(2)])
    for (x, y), (other_x, other_y) in zip(*results, strict=True):
        assert all((a == b).all() for a, b in zip(x + y, other_x + other_y, strict=True))


def test_a_memory_map_is_gathered_by_indices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "MAX_IN_MEMORY", 0)
    np.save(tmp_path / "x.npy", TEXTS.x)
    gather = common.make_gather_fn(np.load(tmp_path / "x.npy", mmap_mode="r"))
    taken = next(iter(tf.data.Dataset.from_tensors(tf.constant([7, 2, 7])).map(gather)))
    assert taken.dtype == tf.uint16
    assert (taken.numpy() == TEXTS.x[[7, 2, 7]]).all()


def test_shifted_and_flipped_images_are_the_same_images() -> None:
    image = np.zeros((12, 10), np.uint8)
    image[4:8, 3:5] = [[1, 2], [3, 4], [5, 6], [7, 8]]
    augmented = images.augment(
        tf.constant(np.stack([image] * 300)), SHIFT_AND_FLIP, tf.constant([1, 2])
    ).numpy()
    assert augmented.shape == (300, 12, 10)
    assert augmented.dtype == np.uint8
    straight = (augmented == 1).argmax(axis=2).max(axis=1) < (augmented == 2).argmax(axis=2).max(
        axis=1
    )
    assert 100 < straight.sum() < 200
    corners = {(each.any(1).argmax(), each.any(0).argmax()) for each in augmented[straight]}
    assert corners == {(row, column) for row in range(2, 7) for column in range(1, 6)}
    assert (np.sort(augmented.reshape(300, -1)) == np.sort(image.ravel())).all()


def test_what_enters_a_shifted_image_is_zero_and_colors_stay_together() -> None:
    color = np.full((40, 6, 5, 3), [1, 2, 3], np.uint8)
    config = Augmentation(shift=3, flip=False)
    augmented = images.augment(tf.constant(color), config, tf.constant([1, 2])).numpy()
    found = {tuple(pixel) for pixel in augmented.reshape(-1, 3)}
    assert found == {(0, 0, 0), (1, 2, 3)}


def test_without_shift_and_flip_images_stay_as_they_are() -> None:
    config = Augmentation(shift=0, flip=False)
    augmented = images.augment(tf.constant(IMAGES.x), config, tf.constant([1, 2]))
    assert (augmented.numpy() == IMAGES.x).all()


def test_every_epoch_augments_in_another_way() -> None:
    alike = Split(np.tile(IMAGES.x[:1], (40, 1, 1)), np.zeros(40, np.uint8))
    config = training("mlp", batch_size=40, augmentation={"shift": 2, "flip": True})
    batches = images.make_batches(alike, config, shuffle=True)
    first, second = (unpack(batches)[0][0] for _ in range(2))
    assert (first != second).any(axis=(1, 2)).mean() > 0.8
    assert (first[0] != first).any(axis=(1, 2)).mean() > 0.8


def test_targets_that_are_images_are_not_augmented() -> None:
    config = training("vae", batch_size=41, augmentation={"shift": 2, "flip": True})
    x, y = unpack(images.make_batches(Split(IMAGES.x, IMAGES.x), config, shuffle=True))
    assert sorted(map(bytes, y[0])) == sorted(map(bytes, IMAGES.x))
    assert sorted(map(bytes, x[0])) != sorted(map(bytes, IMAGES.x))


def test_text_batches_hold_every_text_once_with_its_label_and_little_padding() -> None:
    batches = texts.make_batches(TEXTS, training("text_rnn", batch_size=8), shuffle=True)
    expected = with_labels(TEXTS.x, TEXTS.y)
    orders = []
    for _ in range(3):
        x, y = unpack(batches)
        assert [len(batch) for batch in y] == [8] * 5
        padded = np.concatenate([np.pad(each, ((0, 0), (0, 12 - each.shape[1]))) for each in x])
        labels = np.concatenate(y)
        assert (
            sorted((*row, label) for row, label in zip(padded.tolist(), labels, strict=True))
            == expected
        )
        assert all(each[:, -1].any() for each in x)  # padded to the longest
        assert sum(each.size for each in x) < 0.8 * TEXTS.x.size
        orders.append([each.tolist() for each in x])
    assert orders[0] != orders[1] != orders[2]
    assert len(batches) == 5


def test_batches_of_texts_that_are_not_for_training_are_sorted_and_the_same_each_time() -> None:
    split = make_texts(600)
    batches = texts.make_batches(split, training("text_rnn"), shuffle=False)
    (x, y), (again, _) = unpack(batches), unpack(batches)
    assert [len(batch) for batch in y] == [500, 100]
    lengths = [np.count_nonzero(batch, axis=1) for batch in x]
    assert (np.diff(np.concatenate(lengths)) >= 0).all()
    assert all((a == b).all() for a, b in zip(x, again, strict=True))


def test_an_empty_text_keeps_a_column() -> None:
    assert texts.trim_padding(tf.zeros((2, 5), tf.uint16)).shape == (2, 1)
