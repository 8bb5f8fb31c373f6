"""Training of a conditional variational autoencoder for grayscale images.

Its decoder learns from two sources: to reconstruct images, and to decode samples of the prior to
images that a classifier recognizes. The classifier is a small network, trained first; it is not the
evaluator, and is discarded after training.

Reference:
    Sohn, Lee, Yan: Learning structured output representation using deep conditional generative
    models. NIPS 2015.
    Bao et al.: CVAE-GAN: Fine-grained image generation through asymmetric training. ICCV 2017
    (the classifier).
"""

from typing import Any

import keras
import tensorflow as tf

from stages.config.schema import Cvae as CvaeConfig
from stages.config.schema import CvaeModel, CvaeTraining, ImageClassifierTraining
from stages.core.errors import DataError, DivergedError
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, compile_model, fit, train_classifier
from stages.learning.layers import FusedBatchNormalization
from stages.learning.optimizers import make_optimizer

UPSAMPLING = 4  # two transposed convolutions of stride 2
KERNEL_SIZE = 3
OUTPUT_KERNEL_SIZE = 5
CLASSIFIER_FILTERS = (32, 64)
CLASSIFIER_DROPOUT = 0.3


def train(
    config: CvaeModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train on images and their classes.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for `classes`.
        train: Images uint8 [n, height, width], classes [n].
        validation: Validation split, for the `val_*` losses, or None.
        make_batches: Function of the input pipeline.

    Returns:
        The inference model (see `build_inference_model`), a history by epoch, no snapshots.

    Raises:
        DataError: If the images do not fit the network.
        DivergedError: If a loss or weight is not finite.
    """
    network, training, shape = config.network, config.training, train.x.shape[1:]
    num_classes = len(info["classes"])
    encoder = build_encoder(network, shape, num_classes)
    decoder = build_decoder(network, shape, num_classes)

    def batches(split: Split, shuffle: bool) -> tf.data.Dataset:
        dataset = make_batches(split, training, shuffle=shuffle)
        return dataset.map(lambda images, classes: ((images, classes), images))

    train_batches = batches(train, True)
    classifier = train_small_classifier(training, train, num_classes, make_batches)
    cvae = Cvae((encoder, decoder), classifier, training)
    compile_model(cvae, make_optimizer(training.optimizer, training.epochs * len(train_batches)))
    inference_model = build_inference_model(encoder, decoder)
    try:
        history = fit(
            cvae,
            train_batches,
            None if validation is None else batches(validation, False),
            epochs=training.epochs,
        )
    except DivergedError as error:
        raise DivergedError(str(error), inference_model) from None
    return Trained(inference_model, history, {}, training.epochs * len(train.x))


class Cvae(keras.Model):
    """Trains an encoder and a decoder, both of which know the class.

    Batches are ((images, classes), images). Reports means per image, in nats: `loss` =
    `reconstruction_loss` + `kl_weight` * `kl_loss` + `classifier_weight` * `class_loss`.

    Args:
        networks: Encoder, from images and classes to mean and log variance of the latent variables,
            and decoder, from latent variables and classes to logits of the pixels.
        classifier: Trained model from images of 0 to 255 to class probabilities, which is frozen.
        training: Training config, for the weights of the losses.
    """

    def __init__(
        self,
        networks: tuple[keras.Model, keras.Model],
        classifier: keras.Model,
        training: CvaeTraining,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = networks
        self.classifier, self.training_config = classifier, training
        self.classifier.trainable = False
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")
        self.class_tracker = keras.metrics.Mean(name="class_loss")
        self.built = True

    def call(
        self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool | None = None
    ) -> dict[str, tf.Tensor]:
        """Decode a sample of the posterior of each image, and a sample of the prior per class.

        Args:
            inputs: Images [n, height, width] and classes [n].
            training: Whether the networks are in training mode.

        Returns:
            `mean` and `log_variance`, [n, latent_dim]; `reconstruction`, logits [n, height, width];
            `probabilities` of the classes of the sample of the prior, [n, classes].
        """
        images, classes = inputs
        mean, log_variance = self.encoder([images, classes], training=training)
        # The reparameterization trick: the sample has gradients with respect to both.
        latent = mean + tf.exp(0.5 * log_variance) * tf.random.normal(tf.shape(mean))
        prior = tf.random.normal(tf.shape(mean))
        logits = self.decoder(
            [tf.concat([latent, prior], 0), tf.concat([classes, classes], 0)], training=training
        )
        reconstruction, sampled = tf.split(logits, 2)
        return {
            "mean": mean,
            "log_variance": log_variance,
            "reconstruction": reconstruction,
            "probabilities": self.classifier(255 * tf.sigmoid(sampled), training=False),
        }

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Compute the mean loss of a batch; y are the images, 0 to 255, [n, height, width]."""
        del sample_weight, training
        targets, logits = tf.cast(y, tf.float32) / 255, y_pred["reconstruction"]
        cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
        reconstruction = tf.reduce_sum(cross_entropy, axis=[1, 2])
        mean, log_variance = y_pred["mean"], y_pred["log_variance"]
        kl = 0.5 * tf.reduce_sum(mean**2 + tf.exp(log_variance) - 1 - log_variance, axis=1)
        self.reconstruction_tracker.update_state(reconstruction)
        class_loss = keras.losses.sparse_categorical_crossentropy(x[1], y_pred["probabilities"])
        self.kl_tracker.update_state(kl)
        self.class_tracker.update_state(class_loss)
        weights = self.training_config
        return tf.reduce_mean(
            reconstruction + weights.kl_weight * kl + weights.classifier_weight * class_loss
        )


def train_small_classifier(
    training: CvaeTraining, train: Split, num_classes: int, make_batches: MakeBatches
) -> keras.Model:
    """Train a small convolutional network on images and classes.

    Returns:
        Model from images of 0 to 255, [n, height, width], to probabilities [n, num_classes].

    Raises:
        DivergedError: See `train`.
    """
    shape = train.x.shape[1:]
    layers = [keras.Input(shape), keras.layers.Rescaling(1 / 255)]
    layers.append(keras.layers.Reshape((*shape, 1)))
    for filters in CLASSIFIER_FILTERS:
        layers += [
            keras.layers.Conv2D(filters, KERNEL_SIZE, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
        ]
    layers += [
        keras.layers.Flatten(),
        keras.layers.Dropout(CLASSIFIER_DROPOUT),
        keras.layers.Dense(num_classes, activation="softmax", dtype="float32"),
    ]
    classifier = keras.Sequential(layers)
    config = ImageClassifierTraining(
        input_pipeline=training.input_pipeline,
        seed=training.seed,
        precision=training.precision,
        epochs=training.classifier_epochs,
        batch_size=training.batch_size,
        optimizer=training.optimizer,
    )
    return train_classifier(classifier, config, train, None, make_batches).model


def build_encoder(network: CvaeConfig, shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Build a model from images uint8 [n, *shape] and classes [n] to mean and log variance.

    Returns:
        Model with two outputs, float32 [n, latent_dim].

    Raises:
        DataError: If the images are not grayscale, or their sides not divisible by 4.
    """
    if len(shape) != 2 or any(side % UPSAMPLING for side in shape):
        raise DataError(
            f"images of shape {shape}: expected grayscale images whose height and width are "
            f"divisible by {UPSAMPLING}, for the decoder: use another network or another dataset"
        )
    images, classes = keras.Input(shape, dtype="uint8"), keras.Input((), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Reshape((*shape, 1))(x)
    for filters in network.encoder_filters:
        x = keras.layers.Conv2D(filters, KERNEL_SIZE, 2, padding="same", use_bias=False)(x)
        x = FusedBatchNormalization(momentum=network.batch_norm_momentum)(x)
        x = keras.layers.Activation("relu")(x)
    x = keras.layers.Concatenate()([keras.layers.Flatten()(x), one_hot(classes, num_classes)])
    for units in network.encoder_units:
        x = keras.layers.Dense(units, activation=network.activation)(x)
    mean = keras.layers.Dense(network.latent_dim, dtype="float32", name="mean")(x)
    log_variance = keras.layers.Dense(network.latent_dim, dtype="float32", name="log_variance")(x)
    return keras.Model([images, classes], [mean, log_variance], name="encoder")


def build_decoder(network: CvaeConfig, shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Build a model from latent variables [n, latent_dim] and classes [n] to logits [n, *shape]."""
    height, width = (side // UPSAMPLING for side in shape)
    first_filters, second_filters = network.decoder_filters
    latent = keras.Input((network.latent_dim,), dtype="float32")
    classes = keras.Input((), dtype="uint8")
    x = keras.layers.Concatenate()([latent, one_hot(classes, num_classes)])
    for units in network.decoder_units:
        x = keras.layers.Dense(units, activation=network.activation)(x)
    x = keras.layers.Dense(height * width * first_filters, activation="relu")(x)
    x = keras.layers.Reshape((height, width, first_filters))(x)
    x = keras.layers.Conv2DTranspose(
        second_filters, KERNEL_SIZE, 2, padding="same", activation="relu"
    )(x)
    x = keras.layers.Conv2DTranspose(1, OUTPUT_KERNEL_SIZE, 2, padding="same")(x)
    logits = keras.layers.Reshape(shape, dtype="float32")(x)
    return keras.Model([latent, classes], logits, name="decoder")


def one_hot(classes: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    """Encode classes [n] as [n, num_classes]."""
    return keras.layers.CategoryEncoding(num_classes, output_mode="one_hot")(classes)


def build_inference_model(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """Build the model to store: images and classes to posterior and reconstruction from its mean.

    Inputs are images uint8 [n, height, width] and classes uint8 [n]; outputs are a dictionary of
    `mean` and `log_variance`, float32 [n, latent_dim], and `reconstruction`, logits float32
    [n, height, width]. Its layers `encoder` and `decoder` are models themselves.
    """
    images = keras.Input(encoder.input_shape[0][1:], dtype="uint8", name="images")
    classes = keras.Input((), dtype="uint8", name="classes")
    mean, log_variance = encoder([images, classes])
    outputs = {
        "mean": mean,
        "log_variance": log_variance,
        "reconstruction": decoder([mean, classes]),
    }
    return keras.Model([images, classes], outputs)
