"""Parts of image classifiers: scores before the softmax, feature maps, kernels and weights."""

from typing import NamedTuple

import keras
import numpy as np

from stages.core.errors import ModelError

# Layers whose outputs look like those before them, or exist only for training.
UNSEEN = (
    keras.layers.Reshape, keras.layers.Dropout, keras.layers.SpatialDropout2D,
    keras.layers.BatchNormalization,
)  # fmt: skip


class FeatureMaps(NamedTuple):
    """The output of a layer for one image.

    Attributes:
        layer: Name of the layer.
        kind: Its class, such as Conv2D.
        values: float32 [height, width, channels].
    """

    layer: str
    kind: str
    values: np.ndarray


def to_scores(model: keras.Model, *also: str) -> keras.Model:
    """Return a copy of an image classifier whose pixels have a gradient, without its softmax.

    Near a probability of 1 a softmax hardly changes, so that its gradient says little.

    Args:
        model: Classifier of images, uint8 [n, height, width], that ends with a softmax.
        also: Names of layers whose outputs are returned, too.

    Returns:
        Model from pixels, float32 [n, height, width], 0 to 255, to the scores [n, classes] of which
        the softmax makes probabilities; with `also`, to a list of the outputs of these layers and
        the scores.

    Raises:
        ModelError: If the last layer has no softmax.
    """
    last = model.layers[-1]
    if not isinstance(last, keras.layers.Dense) or last.activation.__name__ != "softmax":
        raise ModelError(f"expected a classifier that ends with a softmax, found {last.name}")

    def copy(layer: keras.Layer) -> keras.Layer:
        changed = {"activation": "linear"} if layer is last else {}
        return type(layer).from_config(layer.get_config() | changed)

    pixels = keras.Input(model.input_shape[1:], dtype="float32")
    scores = keras.models.clone_model(model, input_tensors=pixels, clone_function=copy)
    scores.set_weights(model.get_weights())
    if not also:
        return scores
    return keras.Model(
        scores.inputs, [*(scores.get_layer(name).output for name in also), *scores.outputs]
    )


def find_maps(model: keras.Model) -> list[keras.Layer]:
    """Return the layers whose outputs are feature maps, [n, height, width, channels], in order."""
    return [
        layer
        for layer in model.layers
        if len(layer.output.shape) == 4 and not isinstance(layer, UNSEEN)
    ]


def compute_feature_maps(model: keras.Model, image: np.ndarray) -> list[FeatureMaps]:
    """Return the feature maps of all layers for one image, uint8 [height, width].

    Reference:
        Zeiler, Fergus: Visualizing and understanding convolutional networks, ECCV 2014.
    """
    layers = find_maps(model)
    if not layers:
        return []
    network = keras.Model(model.inputs, [layer.output for layer in layers])
    outputs = network.predict_on_batch(image[None])
    outputs = [outputs] if len(layers) == 1 else outputs
    return [
        FeatureMaps(layer.name, type(layer).__name__, values[0])
        for layer, values in zip(layers, outputs, strict=True)
    ]


def find_kernels(model: keras.Model) -> np.ndarray | None:
    """Return the kernels of the first convolution, float32 [filters, height, width]; or None.

    Those of several input channels are averaged over them.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            return np.moveaxis(kernel.mean(axis=2), -1, 0)
    return None


def find_weight_images(model: keras.Model) -> np.ndarray | None:
    """Return the weights of each class as an image, [classes, height, width].

    Returns:
        None if the model is not linear: if it has any other layer with weights.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    if len(weighted) != 1 or weighted[0] is not model.layers[-1]:
        return None
    kernel = keras.ops.convert_to_numpy(weighted[0].kernel)
    return kernel.T.reshape(-1, *model.input_shape[1:])
