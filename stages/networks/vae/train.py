"""Training of a convolutional variational autoencoder for grayscale images.

Reference:
    Kingma, Welling: Auto-encoding variational Bayes. ICLR 2014.
    Higgins et al.: beta-VAE. ICLR 2017 (the weight of the KL divergence).
"""

from typing import Any

import keras
import tensorflow as tf

from stages.config.schema import Vae as VaeConfig
from stages.config.schema import VaeModel, VaeTraining
from stages.core.errors import DataError, DivergedError
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, compile_model, fit
from stages.learning.layers import FusedBatchNormalization
from stages.learning.optimizers import make_optimizer

UPSAMPLING = 4  # two transposed convolutions of stride 2
KERNEL_SIZE = 3
OUTPUT_KERNEL_SIZE = 5


def train(
    config: VaeModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train on images, without their classes.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json; not used.
        train: Images uint8 [n, height, width].
        validation: Validation split, for the `val_*` losses, or None.
        make_batches: Function of the input pipeline.

    Returns:
        The inference model (see `build_inference_model`), a history by epoch, no snapshots.

    Raises:
        DataError: If the images do not fit the network.
        DivergedError: If a loss or weight is not finite.
    """
    del info
    shape = train.x.shape[1:]
    encoder, decoder = build_encoder(config.network, shape), build_decoder(config.network, shape)
    return train_networks((encoder, decoder), config.training, train, validation, make_batches)


def train_networks(
    networks: tuple[keras.Model, keras.Model],
    training: VaeTraining,
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train any encoder and decoder of images; see `train`.

    Args:
        networks: Encoder and decoder, as for `Vae`.
        training: The model's training config.
        train: Images uint8 [n, height, width].
        validation: Validation split, for the `val_*` losses, or None.
        make_batches: Function of the input pipeline.

    Raises:
        DivergedError: If a loss or weight is not finite.
    """
    encoder, decoder = networks
    inference_model = build_inference_model(encoder, decoder)
    # The targets are the images, not augmented.
    batches = make_batches(Split(train.x, train.x), training, shuffle=True)
    validation_batches = validation and make_batches(
        Split(validation.x, validation.x), training, shuffle=False
    )
    vae = Vae(encoder, decoder, training.kl_weight)
    compile_model(vae, make_optimizer(training.optimizer, training.epochs * len(batches)))
    try:
        history = fit(vae, batches, validation_batches, epochs=training.epochs)
    except DivergedError as error:
        raise DivergedError(str(error), inference_model) from None
    return Trained(inference_model, history, {}, training.epochs * len(train.x))


class Vae(keras.Model):
    """Trains an encoder and a decoder on the negative ELBO with a weighted KL term.

    Batches are (input, target): the images to encode and those to reconstruct. Only inputs are
    augmented, so that the encoder generalizes while the decoder need not reconstruct the
    augmentation. Reports means per image, in nats: `loss` = `reconstruction_loss` + `kl_weight` *
    `kl_loss`.

    Args:
        encoder: Model from images to mean and log variance of the latent variables.
        decoder: Model from latent variables to logits of the pixels.
        kl_weight: Weight of the KL divergence.

    Reference:
        Im et al.: Denoising criterion for variational auto-encoding framework. AAAI 2017.
    """

    def __init__(self, encoder: keras.Model, decoder: keras.Model, kl_weight: float) -> None:
        super().__init__()
        self.encoder, self.decoder, self.kl_weight = encoder, decoder, kl_weight
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")
        self.built = True

    def call(self, images: tf.Tensor, training: bool | None = None) -> dict[str, tf.Tensor]:
        """Encode images [n, height, width], sample from each posterior and decode the sample.

        Returns:
            `mean` and `log_variance`, [n, latent_dim]; `reconstruction`, logits [n, height, width].
        """
        mean, log_variance = self.encoder(images, training=training)
        latent = sample_posterior(mean, log_variance)
        logits = self.decoder(latent, training=training)
        return {"mean": mean, "log_variance": log_variance, "reconstruction": logits}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Compute the mean loss of a batch; y are the targets, 0 to 255, [n, height, width]."""
        del x, sample_weight, training
        reconstruction = reconstruction_loss(y, y_pred["reconstruction"])
        kl = kl_loss(y_pred["mean"], y_pred["log_variance"])
        self.reconstruction_tracker.update_state(reconstruction)
        self.kl_tracker.update_state(kl)
        return tf.reduce_mean(reconstruction + self.kl_weight * kl)


def sample_posterior(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Sample from normal distributions [n, latent_dim] with the reparameterization trick."""
    return mean + tf.exp(0.5 * log_variance) * tf.random.normal(tf.shape(mean))


def reconstruction_loss(images: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy summed over the pixels, in nats, [n].

    Args:
        images: Images [n, height, width], 0 to 255.
        logits: Logits float32 [n, height, width].
    """
    targets = tf.cast(images, tf.float32) / 255
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    return tf.reduce_sum(cross_entropy, axis=[1, 2])


def kl_loss(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """KL divergence of normal distributions [n, latent_dim] from the standard normal, in nats, [n].

    Reference:
        Kingma, Welling: Auto-encoding variational Bayes. ICLR 2014, appendix B.
    """
    return 0.5 * tf.reduce_sum(mean**2 + tf.exp(log_variance) - 1 - log_variance, axis=1)


def build_encoder(network: VaeConfig, shape: tuple[int, ...]) -> keras.Model:
    """Build a model from images uint8 [n, *shape] to mean and log variance, [n, latent_dim].

    Raises:
        DataError: If the images are not grayscale, or their sides not divisible by 4.
    """
    if len(shape) != 2 or any(side % UPSAMPLING for side in shape):
        raise DataError(
            f"images of shape {shape}: expected grayscale images whose height and width are "
            f"divisible by {UPSAMPLING}, for the decoder: use another network or another dataset"
        )
    images = keras.Input(shape, dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Reshape((*shape, 1))(x)
    for filters in network.encoder_filters:
        x = keras.layers.Conv2D(filters, KERNEL_SIZE, 2, padding="same", use_bias=False)(x)
        x = FusedBatchNormalization(momentum=network.batch_norm_momentum)(x)
        x = keras.layers.Activation("relu")(x)
    x = keras.layers.Flatten()(x)
    for units in network.encoder_units:
        x = keras.layers.Dense(units, activation=network.activation)(x)
        x = keras.layers.Dropout(network.encoder_dropout)(x)
    mean = keras.layers.Dense(network.latent_dim, dtype="float32", name="mean")(x)
    log_variance = keras.layers.Dense(network.latent_dim, dtype="float32", name="log_variance")(x)
    return keras.Model(images, [mean, log_variance], name="encoder")


def build_decoder(network: VaeConfig, shape: tuple[int, ...]) -> keras.Model:
    """Build a model from latent variables [n, latent_dim] to logits of pixels [n, *shape], float32.

    The first dense layers are float32, too: bfloat16 has 8 significant bits, and its steps are
    wider than the posterior of an image. Feature maps use relu, since smoother activations would
    take longer than the convolutions.
    """
    height, width = (side // UPSAMPLING for side in shape)
    first_filters, second_filters = network.decoder_filters
    latent = keras.Input((network.latent_dim,), dtype="float32")
    x = latent
    first = initialize_first(network.decoder_initial_stddev)
    for number, units in enumerate(network.decoder_units):
        initializers = {} if number else first
        x = keras.layers.Dense(
            units, activation=network.activation, dtype="float32", **initializers
        )(x)
    x = keras.layers.Dense(height * width * first_filters, activation="relu")(x)
    x = keras.layers.Reshape((height, width, first_filters))(x)
    x = keras.layers.Conv2DTranspose(
        second_filters, KERNEL_SIZE, 2, padding="same", activation="relu", use_bias=False
    )(x)
    x = keras.layers.Conv2DTranspose(1, OUTPUT_KERNEL_SIZE, 2, padding="same")(x)
    logits = keras.layers.Reshape(shape, dtype="float32")(x)
    return keras.Model(latent, logits, name="decoder")


def initialize_first(stddev: float | None) -> dict[str, keras.initializers.Initializer]:
    """Build initializers of the first dense layer of the decoder.

    A low-dimensional latent space needs high-frequency features, which are learned slowly from the
    small weights of Glorot initialization.

    Args:
        stddev: Standard deviation of weights and biases; None for the defaults of Keras.

    Reference:
        Tancik et al.: Fourier features let networks learn high frequency functions in low
        dimensional domains. NeurIPS 2020.
    """
    if stddev is None:
        return {}
    names = ("kernel_initializer", "bias_initializer")
    return {name: keras.initializers.RandomNormal(stddev=stddev) for name in names}


def build_inference_model(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """Build the model to store: images to posterior and reconstruction from its mean.

    Inputs are images uint8 [n, height, width]; outputs are a dictionary of `mean` and
    `log_variance`, float32 [n, latent_dim], and `reconstruction`, logits float32
    [n, height, width]. Its layers `encoder` and `decoder` are models themselves.
    """
    images = keras.Input(encoder.input_shape[1:], dtype="uint8", name="images")
    mean, log_variance = encoder(images)
    outputs = {"mean": mean, "log_variance": log_variance, "reconstruction": decoder(mean)}
    return keras.Model(images, outputs)
