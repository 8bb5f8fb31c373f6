"""The variational autoencoder as taught: two convolutional layers, no batch normalization."""

from typing import Any

import keras

from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained
from stages.networks.vae.train import train_networks

LATENT_DIM = 2


def train(
    config: Any, info: dict[str, Any], train: Split, validation: Split | None, batches: MakeBatches
) -> Trained:
    """Train the VAE like stages.networks.vae.train, without validation."""
    del info, validation
    networks = (build_encoder(), build_decoder())
    return train_networks(networks, config.training, train, None, batches)


def build_encoder() -> keras.Model:
    """Build a model from images, uint8 [n, 28, 28], to mean and log variance [n, LATENT_DIM]."""
    images = keras.Input((28, 28), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Reshape((28, 28, 1))(x)
    x = keras.layers.Conv2D(128, 3, 2, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(64, 3, 2, padding="same", activation="relu")(x)
    x = keras.layers.Dense(256, activation="relu")(keras.layers.Flatten()(x))
    outputs = [keras.layers.Dense(LATENT_DIM)(x), keras.layers.Dense(LATENT_DIM)(x)]
    return keras.Model(images, outputs, name="encoder")


def build_decoder() -> keras.Model:
    """Build a model from latent variables [n, LATENT_DIM] to pixel logits [n, 28, 28]."""
    latent = keras.Input((LATENT_DIM,))
    x = keras.layers.Dense(7 * 7 * 64, activation="relu")(latent)
    x = keras.layers.Reshape((7, 7, 64))(x)
    x = keras.layers.Conv2DTranspose(128, 3, 2, padding="same", activation="relu")(x)
    x = keras.layers.Conv2DTranspose(64, 3, 2, padding="same", activation="relu")(x)
    x = keras.layers.Conv2DTranspose(1, 3, padding="same")(x)
    return keras.Model(latent, keras.layers.Reshape((28, 28))(x), name="decoder")
