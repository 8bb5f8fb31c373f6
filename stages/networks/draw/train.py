"""Training of DRAW on binarized grayscale images.

Pixels are binarized stochastically: a pixel of value v is 1 with probability v / 255. They are
drawn again in each epoch, in validation too, so that the network sees many versions of an image.

Reference:
    Gregor et al.: DRAW: A recurrent neural network for image generation. ICML 2015.
    Salakhutdinov, Murray: On the quantitative analysis of deep belief networks. ICML 2008
    (binarization).
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stages.config.schema import DrawModel
from stages.core.errors import DataError, DivergedError
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, compile_model, fit
from stages.learning.optimizers import make_optimizer
from stages.networks.draw.networks import build_model

MIN_PROBABILITY = 0.001  # of a pixel, and of its complement, before training


def train(
    config: DrawModel,
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
        The model of `networks.build_model`, a history by epoch, no snapshots.

    Raises:
        DataError: If the images are not grayscale.
        DivergedError: If a loss or weight is not finite.
    """
    del info
    training, shape = config.training, train.x.shape[1:]
    if len(shape) != 2:
        raise DataError(
            f"images of shape {shape}: expected grayscale images: use another network or dataset"
        )
    drawing = build_model(config.network, shape)
    drawing.get_layer("start").get_layer("canvas").set_weights(
        [mean_logits(train.x).reshape(1, -1)]
    )
    batches = make_batches(train, training, shuffle=True)
    validation_batches = validation and make_batches(validation, training, shuffle=False)
    model = Draw(drawing)
    compile_model(model, make_optimizer(training.optimizer, training.epochs * len(batches)))
    try:
        history = fit(model, batches, validation_batches, epochs=training.epochs)
    except DivergedError as error:
        raise DivergedError(str(error), drawing) from None
    return Trained(drawing, history, {}, training.epochs * len(train.x))


def mean_logits(images: np.ndarray) -> np.ndarray:
    """Compute the logits of the mean image, the canvas that drawing begins with.

    From an empty canvas, training would first have to learn which pixels are never set.

    Args:
        images: Images, uint8 [n, height, width].

    Returns:
        Logits, float32 [height, width]; the means are limited to MIN_PROBABILITY and above.
    """
    mean = (images.mean(axis=0) / 255).clip(MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    logits: np.ndarray = np.log(mean / (1 - mean)).astype(np.float32)
    return logits


class Draw(keras.Model):
    """Trains a drawing model on the variational bound of the negative log-likelihood.

    Reports means per image, in nats: `loss` = `reconstruction_loss` + `kl_loss`.

    Args:
        drawing: Model of `networks.build_model`.
    """

    def __init__(self, drawing: keras.Model) -> None:
        super().__init__()
        self.drawing = drawing
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")
        self.built = True

    def call(self, images: tf.Tensor, training: bool | None = None) -> dict[str, tf.Tensor]:
        """Binarize images [n, height, width] of 0 to 255, and draw them.

        Returns:
            Outputs of the drawing model, and `pixels`, the binarized images, uint8.
        """
        pixels = binarize(images)
        noise = tf.random.normal([tf.shape(images)[0], *self.drawing.inputs[1].shape[1:]])
        return self.drawing([pixels, noise], training=training) | {"pixels": pixels}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Compute the mean loss of a batch, of its binarized images."""
        del x, y, sample_weight, training
        reconstruction = reconstruction_loss(y_pred["pixels"], y_pred["canvas"][:, -1])
        kl = kl_loss(y_pred["mean"], y_pred["log_variance"])
        self.reconstruction_tracker.update_state(reconstruction)
        self.kl_tracker.update_state(kl)
        return tf.reduce_mean(reconstruction + kl)


def binarize(images: tf.Tensor) -> tf.Tensor:
    """Binarize images of 0 to 255 stochastically: uint8, 1 with probability v / 255."""
    uniform = tf.random.uniform(tf.shape(images))
    return tf.cast(uniform < tf.cast(images, tf.float32) / 255, tf.uint8)


def reconstruction_loss(pixels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy of pixels [n, height, width], summed over each image, in nats, [n]."""
    targets = tf.cast(pixels, tf.float32)
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    return tf.reduce_sum(cross_entropy, axis=[1, 2])


def kl_loss(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """KL divergence from the standard normal, summed over all glimpses, in nats, [n].

    Args:
        mean: Means [n, glimpses, latent_dim].
        log_variance: Log variances of the same shape.
    """
    return 0.5 * tf.reduce_sum(mean**2 + tf.exp(log_variance) - 1 - log_variance, axis=[1, 2])
