from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.config.schema import GanModel
from stages.core.errors import ConfigError, DataError, DivergedError
from stages.core.splits import Split
from stages.learning import bundle
from stages.learning.fit import Trained, logging_steps
from stages.learning.runtime import session
from stages.networks.gan import train as gan
from stages.networks.gan.adversarial import Gan, cross_entropy, r1_penalty
from stages.networks.gan.networks import GRID, GRID_AXIS, GanNetworks, build_networks
from stages.pipelines import arrays, images
from tests import factories

RANDOM = np.random.default_rng(0)
GRAYSCALE = Split(RANDOM.integers(0, 256, (40, 12, 8), np.uint8), np.zeros(40, np.uint8))
COLOR = Split(RANDOM.integers(0, 256, (40, 8, 12, 3), np.uint8), np.zeros(40, np.uint8))
ANGLES = RANDOM.uniform(0, 2 * np.pi, 300)
RING = Split(
    0.8 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32),
    np.zeros(300, np.uint8),
)
ADAM = factories.ADAM | {"beta_1": 0.5}
DCGAN = {"generator": {"batch_norm_momentum": 0.8}}
MLP = {"generator": {"hidden_units": [8, 9]}}
TRAINING = {
    "generator_optimizer": {"ema_momentum": None},
    "label_smoothing": 0.0,
    "r1_weight": 0.5,
    "r1_interval": 4,
}


def make_config(network: dict[str, Any] = DCGAN, **training: Any) -> GanModel:
    kind = "gan" if network is DCGAN else "point_gan"
    return factories.make_config(kind, network=network, training=TRAINING | training)


def run(split: Split = GRAYSCALE, seed: int = 1, **training: Any) -> Trained:
    points = split.x.ndim == 2
    config = make_config(MLP if points else DCGAN, **training)
    with session(seed, config.training.precision):
        make_batches = (arrays if points else images).make_batches
        return gan.train(config, {}, split, None, make_batches)


def weights_of(*networks: keras.Model) -> list[np.ndarray]:
    return [weight.copy() for network in networks for weight in network.get_weights()]


def equal(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all((x == y).all() for x, y in zip(a, b, strict=True))


def linear_gan(discriminator_kernel: list[float] = [3.0, 4.0], **training: Any) -> Gan:  # noqa: B006
    """Build a generator x = w z and a linear discriminator of points, with plain SGD."""
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    discriminator.set_weights([np.array(discriminator_kernel)[:, None], np.array([10.0])])
    model = Gan(GanNetworks(generator, discriminator, 1.0), make_config(MLP, **training).training)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    return model


# The parts of a step


def test_cross_entropy_of_logits() -> None:
    logits = tf.constant([[0.0], [2.0]])
    p = np.array([0.5, 1 / (1 + np.exp(-2))])
    expected = -(0.9 * np.log(p) + 0.1 * np.log(1 - p)).mean()
    assert float(cross_entropy(logits, 0.9)) == pytest.approx(expected)
    assert np.isfinite(float(cross_entropy(tf.constant([[1e4], [-1e4]]), 1.0)))


def test_the_penalty_is_half_the_squared_slope_of_the_logit() -> None:
    slope = np.arange(24, dtype=np.float32).reshape(24, 1) / 100
    layers = [
        keras.Input((4, 6, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(1, use_bias=False),
    ]
    linear = keras.Sequential(layers)
    linear.set_weights([slope])
    real = tf.random.uniform([3, 4, 6, 1], 0, 255)
    expected = ((slope * 127.5) ** 2).sum() / 2
    assert float(r1_penalty(linear, real, 127.5)) == pytest.approx(expected, rel=1e-5)


def test_the_penalty_is_due_every_interval_and_that_many_times_as_strong() -> None:
    model, real = linear_gan(r1_weight=0.3, r1_interval=2), tf.zeros((5, 2))
    penalties = []
    for _ in range(4):
        penalties.append(float(model.penalty(real)))
        model.discriminator_optimizer.iterations.assign_add(1)
    assert penalties == pytest.approx([0.3 * 2 * 25 / 2, 0, 0.3 * 2 * 25 / 2, 0])
    assert float(linear_gan(r1_weight=0.0).penalty(real)) == 0


@pytest.mark.parametrize(("weight", "smoothing"), [(0.0, 0.0), (0.4, 0.0), (0.0, 0.2)])
def test_a_step_of_the_discriminator_by_formula(weight: float, smoothing: float) -> None:
    """For logits w x + b, the gradient of b is the mean error, and that of R1 for w is w."""
    kernel = np.array([0.3, -0.2])
    model = linear_gan(kernel.tolist(), r1_weight=weight, r1_interval=1, label_smoothing=smoothing)
    real, generated = RANDOM.normal(size=(5, 2)), RANDOM.normal(size=(5, 2))
    p_real, p_generated = (1 / (1 + np.exp(-(x @ kernel + 10))) for x in (real, generated))
    errors = p_real - (1 - smoothing)
    by_kernel = (errors @ real + p_generated @ generated) / 5 + weight * kernel
    by_bias = errors.mean() + p_generated.mean()
    model.train_discriminator(tf.constant(real, tf.float32), tf.constant(generated, tf.float32))
    new_kernel, new_bias = model.discriminator.get_weights()
    assert new_kernel[:, 0] == pytest.approx(kernel - 0.1 * by_kernel, rel=1e-4)
    assert new_bias[0] == pytest.approx(10 - 0.1 * by_bias, rel=1e-5)
    loss = -((1 - smoothing) * np.log(p_real) + smoothing * np.log(1 - p_real)).mean()
    loss -= np.log(1 - p_generated).mean()
    assert float(model.discriminator_loss.result()) == pytest.approx(loss, rel=1e-4)
    assert float(model.discriminator_accuracy.result()) == 0.5  # all logits are near 10


def test_accuracy_counts_both_kinds() -> None:
    model = linear_gan([1.0, 0.0], r1_weight=0.0)
    real = tf.constant([[-9.0, 0.0], [-11.0, 0.0], [5.0, 0.0]])  # logits 1, -1, 15
    generated = tf.constant([[-11.0, 0.0], [-12.0, 0.0], [-13.0, 0.0]])
    model.train_discriminator(real, generated)
    assert float(model.discriminator_accuracy.result()) == pytest.approx(5 / 6)


def test_each_kind_of_step_changes_its_network_alone() -> None:
    model, real = linear_gan(), tf.constant(RING.x[:8])
    generator, discriminator = weights_of(model.generator), weights_of(model.discriminator)
    model.train_discriminator(real, model.generate(tf.constant(8)))
    assert equal(weights_of(model.generator), generator)
    assert not equal(weights_of(model.discriminator), discriminator)

    model = linear_gan()
    model.discriminator_optimizer.learning_rate = 0.0
    generator, discriminator = weights_of(model.generator), weights_of(model.discriminator)
    model.train_both(real)
    assert not equal(weights_of(model.generator), generator)
    assert equal(weights_of(model.discriminator), discriminator)


def test_a_step_of_the_generator_moves_what_it_generates_towards_higher_logits() -> None:
    model = linear_gan([1.0, 2.0])
    model.discriminator.set_weights([np.array([[1.0], [2.0]]), np.array([0.0])])
    model.discriminator_optimizer.learning_rate = 0.0
    noise = RANDOM.normal(size=(1000, 2)).astype(np.float32)

    def loss() -> float:
        return float(cross_entropy(model.discriminator(model.generator(noise)), 1.0))

    before = loss()
    for _ in range(5):
        model.train_both(tf.constant(RING.x[:64]))
    assert loss() < before


def test_a_step_of_the_generator_by_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    """For images x = z w and logits x k + b, the gradient of w is the mean of z (p - 1) k."""
    kernel, noise = np.array([0.3, -0.2]), RANDOM.normal(size=(6, 2)).astype(np.float32)
    model = linear_gan(kernel.tolist())
    model.discriminator.set_weights([kernel[:, None], np.array([0.4])])
    model.discriminator_optimizer.learning_rate = 0.0
    monkeypatch.setattr(model, "generate", lambda _: model.generator(noise, training=True))
    weights = model.generator.get_weights()[0].astype(float)
    p = 1 / (1 + np.exp(-(noise @ weights @ kernel + 0.4)))
    model.train_both(tf.constant(RING.x[:6]))
    assert float(model.generator_loss.result()) == pytest.approx(-np.log(p).mean(), rel=1e-5)
    gradient = noise.T @ ((p - 1)[:, None] * kernel) / 6
    assert model.generator.get_weights()[0] == pytest.approx(weights - 0.1 * gradient, rel=1e-4)


def test_both_networks_are_trained_with_the_batch_norm_of_training() -> None:
    config = make_config()
    model = Gan(build_networks(config.network, (12, 8)), config.training)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    statistics = [
        weight for weight in model.generator.non_trainable_variables if "moving" in weight.name
    ]
    before = [weight.numpy() for weight in statistics]
    model.generate(tf.constant(9))
    assert len(before) == 4
    assert not any((a == b.numpy()).all() for a, b in zip(before, statistics, strict=True))


@pytest.mark.parametrize("every", [1, 3])
def test_the_generator_is_trained_at_every_nth_batch(every: int) -> None:
    model = linear_gan(discriminator_steps=every)
    step = tf.function(lambda x: model.train_step((x, None)))
    changed = []
    for _ in range(6):
        before = weights_of(model.generator)
        step(tf.constant(RING.x[:8]))
        changed.append(not equal(before, weights_of(model.generator)))
    assert changed == [(index + 1) % every == 0 for index in range(6)]
    assert int(model.discriminator_optimizer.iterations) == 6
    assert int(model.optimizer.iterations) == 6 // every


def test_the_average_by_formula() -> None:
    model = linear_gan(generator_optimizer=ADAM | {"ema_momentum": 0.25})
    average = model.averaged.get_weights()[0].astype(float)
    assert (average == model.generator.get_weights()[0]).all()
    for step in range(4):
        model.generator.set_weights([RANDOM.normal(size=(2, 2))])  # far from the average
        model.train_both(tf.constant(RING.x[:8]))
        momentum = min(0.25, (1 + step) / (10 + step))
        average = momentum * average + (1 - momentum) * model.generator.get_weights()[0]
        assert model.averaged.get_weights()[0] == pytest.approx(average, rel=1e-4)
    assert not equal(weights_of(model.averaged), weights_of(model.generator))


def test_without_momentum_there_is_no_average() -> None:
    model = linear_gan()
    assert model.averaged is model.generator


def test_the_average_has_the_batch_norm_statistics() -> None:
    config = make_config(generator_optimizer=ADAM | {"ema_momentum": 0.9})
    model = Gan(build_networks(config.network, (12, 8)), config.training)
    before = weights_of(model.averaged)
    for weight in model.generator.weights:
        weight.assign(weight + 1)
    model.update_average(tf.constant(1e6))
    for old, new in zip(before, weights_of(model.averaged), strict=True):
        assert new == pytest.approx(old + 0.1, abs=1e-5)


# The networks


def test_every_hyperparameter_reaches_its_layer() -> None:
    networks = build_networks(make_config().network, (12, 8))

    def values(network: keras.Model, kind: type, name: str) -> list[Any]:
        return [getattr(layer, name) for layer in network.layers if isinstance(layer, kind)]

    generator, discriminator = networks.generator, networks.discriminator
    assert generator.input_shape == (None, 6)
    assert values(generator, keras.layers.Dense, "units") == [3 * 2 * 8]
    assert values(generator, keras.layers.Conv2DTranspose, "filters") == [4, 1]
    assert values(generator, keras.layers.BatchNormalization, "momentum") == [0.8, 0.8]
    # Batch normalization, which follows all but the last of them, has a bias of its own.
    assert values(generator, keras.layers.Dense, "use_bias") == [False]
    assert values(generator, keras.layers.Conv2DTranspose, "use_bias") == [False, True]
    assert values(discriminator, keras.layers.Conv2D, "filters") == [4, 5]
    generator, discriminator, scale = build_networks(make_config(MLP).network, (2,))
    assert values(generator, keras.layers.Dense, "units") == [8, 9, 2]
    assert values(discriminator, keras.layers.Dense, "units") == [7, 1]
    leaky, tanh, linear = (keras.activations.get(n) for n in ("leaky_relu", "tanh", "linear"))
    assert values(generator, keras.layers.Dense, "activation") == [leaky, leaky, linear]
    assert values(discriminator, keras.layers.Dense, "activation") == [tanh, linear]
    assert scale == 1


def test_pixels_are_minus_1_to_1_inside_of_the_networks() -> None:
    generator, discriminator, scale = build_networks(make_config().network, (12, 8))
    to_pixels = generator.layers[-2]
    assert to_pixels(np.array([-1.0, 0.0, 1.0])).numpy().tolist() == [0, 127.5, 255]
    to_inputs = discriminator.layers[0]
    assert to_inputs(np.array([0.0, 127.5, 255.0])).numpy() == pytest.approx([-1, 0, 1])
    assert scale == 127.5


def test_networks_that_do_not_fit_the_examples_are_rejected() -> None:
    with pytest.raises(ConfigError, match="found dcgan, dcgan, expected both mlp for"):
        build_networks(make_config().network, (2,))
    with pytest.raises(ConfigError, match="found mlp, mlp, expected both dcgan"):
        build_networks(make_config(MLP).network, (12, 8))
    with pytest.raises(DataError, match="10 x 8 pixels: expected sides divisible by 4"):
        build_networks(make_config().network, (10, 8))


def test_both_optimizers_have_their_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, int]] = []
    original = gan.make_optimizer

    def record(config: Any, total_steps: int) -> Any:
        made.append((config, total_steps))
        return original(config, total_steps)

    monkeypatch.setattr(gan, "make_optimizer", record)
    training = make_config(
        generator_optimizer=ADAM | {"ema_momentum": 0.9, "learning_rate": 0.3},
        discriminator_optimizer=ADAM | {"learning_rate": 0.7, "beta_1": 0.1},
        discriminator_steps=2,
    ).training
    model = Gan(build_networks(make_config().network, (12, 8)), training)
    gan.compile_gan(model, training, 10)
    assert [total for _, total in made] == [5, 10]
    assert float(model.optimizer.learning_rate) == pytest.approx(0.3)
    assert float(model.discriminator_optimizer.learning_rate) == pytest.approx(0.7)
    assert (model.optimizer.beta_1, model.discriminator_optimizer.beta_1) == (0.5, 0.1)
    assert not model.optimizer.use_ema


# Training


@pytest.mark.parametrize("split", [GRAYSCALE, COLOR], ids=["grayscale", "color"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_one_seed_gives_one_result(split: Split, precision: str) -> None:
    first, again = (run(split, precision=precision, discriminator_steps=2) for _ in range(2))
    assert equal(first.model.get_weights(), again.model.get_weights())
    assert first.history.equals(again.history)
    assert first.snapshots["epoch"].tolist() == [0, 1, 2]
    snapshots = first.snapshots["images"]
    assert (snapshots.dtype, snapshots.shape) == (np.uint8, (3, 81, *split.x.shape[1:]))
    assert (snapshots == again.snapshots["images"]).all()
    assert (snapshots[0] != snapshots[-1]).any()
    assert first.num_examples == 2 * 40
    assert {"generator_loss", "discriminator_loss", "discriminator_accuracy"} < set(first.history)


def test_another_seed_gives_another_result() -> None:
    first, other = run(seed=1), run(seed=2)
    assert not equal(first.model.get_weights(), other.model.get_weights())


def test_there_are_at_most_30_snapshots_and_the_last_is_of_the_end() -> None:
    trained = run(Split(GRAYSCALE.x[:16], GRAYSCALE.y[:16]), epochs=40)
    epochs = trained.snapshots["epoch"]
    assert (len(epochs), epochs[0], epochs[-1]) == (30, 0, 40)
    noise = np.random.default_rng(1).standard_normal((81, 6), np.float32)
    generated = np.rint(trained.model.get_layer("generator")(noise))
    assert (generated == trained.snapshots["images"][-1]).all()


@pytest.mark.parametrize("split", [GRAYSCALE, COLOR, RING], ids=["grayscale", "color", "points"])
def test_the_stored_model_has_standard_layers_and_the_same_outputs(
    split: Split, tmp_path: Any
) -> None:
    trained = run(split)
    path = tmp_path / "model.keras"
    bundle.save_model(path, trained.model)
    loaded = keras.saving.load_model(path, compile=False)
    layers = [*loaded.layers, *(x for name in NAMES for x in loaded.get_layer(name).layers)]
    assert all(type(layer).__module__.startswith("keras.") for layer in layers)
    noise = RANDOM.normal(size=(5, trained.model.inputs[0].shape[1])).astype(np.float32)
    inputs = [noise, split.x[:5]]
    for ours, theirs in zip(trained.model(inputs), loaded(inputs), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-3 if split.x.ndim > 2 else 1e-5)
    generated, logits = loaded(inputs)
    assert (generated.shape, logits.shape) == ((5, *split.x.shape[1:]), (5, 1))


NAMES = ("generator", "discriminator")


def test_a_generator_learns_the_brightness_of_the_images() -> None:
    bright = Split(np.full((64, 12, 8), 230, np.uint8), np.zeros(64, np.uint8))
    constant = ADAM | {"schedule": "constant"}
    trained = run(bright, epochs=30, generator_optimizer=constant, discriminator_optimizer=constant)
    errors = np.abs(trained.snapshots["images"].astype(float) - 230).mean(axis=(1, 2, 3))
    assert errors[-1] < errors[0] / 2


def test_points_are_trained_by_steps_with_snapshots() -> None:
    trained = run(RING, steps=200)
    assert trained.history.columns[0] == "training_step"
    assert trained.history["training_step"].tolist() == logging_steps(200)
    snapshots = trained.snapshots
    assert snapshots["training_step"].tolist() == [0, *logging_steps(200)]
    num = len(snapshots["training_step"])
    assert (snapshots["positions"].dtype, snapshots["positions"].shape) == ("f2", (num, 500, 2))
    assert (snapshots["surface"].dtype, snapshots["surface"].shape) == ("u1", (num, 40, 40))
    assert (snapshots["grid_axis"] == GRID_AXIS).all()
    logits = trained.model.get_layer("discriminator")(GRID.reshape(-1, 2))
    expected = 255 / (1 + np.exp(-np.asarray(logits, float).reshape(40, 40)))
    assert np.abs(snapshots["surface"][-1] - expected).max() <= 0.51
    assert trained.num_examples == 200 * 300 // 19


def test_the_first_row_of_a_surface_is_the_largest_y() -> None:
    assert GRID[0, 0] == pytest.approx([-1.2, 1.2])
    assert GRID[-1, -1] == pytest.approx([1.2, -1.2])
    assert GRID[0, 1, 0] > GRID[0, 0, 0]


def test_points_come_closer_to_the_ring() -> None:
    optimizer = {"beta_1": 0.0, "beta_2": 0.99, "schedule": "cosine"}
    optimizers: dict[str, Any] = {
        "generator_optimizer": optimizer,
        "discriminator_optimizer": optimizer,
    }
    trained = run(RING, steps=1000, batch_size=64, r1_weight=0.1, r1_interval=1, **optimizers)
    radii = np.linalg.norm(trained.snapshots["positions"].astype(float), axis=2)
    errors = np.abs(radii - 0.8).mean(axis=1)
    assert errors[-1] < 0.6 * errors[0]


@pytest.mark.parametrize("kind", ["images", "points"])
def test_a_diverged_training_run_keeps_finite_weights_of_the_inference_model(kind: str) -> None:
    wild = {"learning_rate": 1e6}
    optimizers: dict[str, Any] = {"generator_optimizer": wild, "discriminator_optimizer": wild}
    not_finite = Split(np.full_like(RING.x, np.nan), RING.y)
    with pytest.raises(DivergedError, match="learning_rate") as caught:
        run(GRAYSCALE, epochs=40, **optimizers) if kind == "images" else run(not_finite)
    model = caught.value.model
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    assert model.get_layer("generator") is not None


def test_the_last_finite_weights_are_those_of_the_epoch_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    constant = ADAM | {"schedule": "constant", "ema_momentum": 0.9}
    optimizers: dict[str, Any] = {"generator_optimizer": constant, "discriminator_optimizer": ADAM}
    good = run(epochs=1, **optimizers).model.get_layer("generator").get_weights()
    original = Gan.train_step

    def broken(self: Gan, data: Any) -> Any:
        real = tf.where(self.optimizer.iterations >= 3, np.nan, tf.cast(data[0], tf.float32))
        return original(self, (real, data[1]))

    monkeypatch.setattr(Gan, "train_step", broken)
    with pytest.raises(DivergedError, match="epoch 2") as caught:
        run(epochs=3, **optimizers)
    assert equal(caught.value.model.get_layer("generator").get_weights(), good)
