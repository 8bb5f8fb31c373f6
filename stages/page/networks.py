"""Describe networks in words: what they are, their layers and their papers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Network = Mapping[str, Any]  # section `network` of a model in params.yaml

SENTENCES = {  # by name and, where there are several, variant
    "mlp": "A fully connected network: every hidden unit sees the whole image, and does not know "
    "which pixels are neighbors.",
    "mlp/linear": "A linear classifier without hidden layers: the score of a class is a weighted "
    "sum of all pixels.",
    "raw_tensorflow": "A fully connected network with one hidden layer, written with low-level "
    "TensorFlow: variables, matrix products and gradients, without Keras layers, losses or "
    "optimizers.",
    "cnn": "A convolutional network: small filters slide over the image, so that a pattern is "
    "recognized wherever it appears.",
    "block_cnn/residual": "A residual network: each block adds what it computes to its input, so "
    "that gradients reach the first layers unchanged, and deep networks can be trained.",
    "block_cnn/inception": "A network of inception modules: each looks at the same feature maps "
    "with filters of several sizes side by side, after 1x1 convolutions that make them cheap.",
    "block_cnn": "A convolutional network of similar blocks: small filters slide over the image, "
    "so that a pattern is recognized wherever it appears.",
    "tabular_mlp": "A fully connected network for the rows of a table, which encodes the columns "
    "itself with statistics of its training examples.",
    "text_rnn/lstm": "A recurrent network that reads a text word by word; the gates of its LSTM "
    "cells learn what to keep in memory.",
    "text_rnn/gru": "A recurrent network that reads a text word by word; the gates of its GRU "
    "cells, fewer than in an LSTM, learn what to keep in memory.",
    "text_rnn/simple_rnn": "A recurrent network that reads a text word by word; without gates, it "
    "tends to forget early words, since gradients vanish over time.",
    "char_rnn": "A language model: it predicts the next character from those before it, and writes "
    "text by sampling from its predictions.",
    "vae": "A variational autoencoder: the encoder maps an image to a distribution over "
    "{latent_dim} latent variables, and the decoder maps a sample of it back to the image; decoded "
    "samples of the prior are new images.",
    "gan/dcgan": "A generative adversarial network: a generator turns noise into images, and a "
    "discriminator learns to tell them from real ones; each is trained against the other.",
    "gan/mlp": "A generative adversarial network small enough to watch: a generator turns noise "
    "into points of the plane, and a discriminator learns to tell them from real ones.",
    "toy_mlp": "A fully connected network so small that the output of each unit can be drawn over "
    "the plane.",
    "fourier_mlp": "A coordinate network: it maps the position of a pixel to its color, through "
    "random Fourier features that let it learn fine detail.",
}

ACTIVATIONS = {
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "silu": "SiLU",
    "elu": "ELU",
    "selu": "SELU",
}
CELLS = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "simple RNN"}


class Reference(NamedTuple):
    """A paper; its address is empty if none is known to be stable."""

    citation: str
    url: str = ""


LECUN = Reference(
    "LeCun et al., Gradient-based learning applied to document recognition, 1998",
    "https://doi.org/10.1109/5.726791",
)
KRIZHEVSKY = Reference(
    "Krizhevsky, Sutskever, Hinton, ImageNet classification with deep convolutional neural "
    "networks, NIPS 2012",
    "https://papers.nips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html",
)
HOCHREITER = Reference(
    "Hochreiter, Schmidhuber, Long short-term memory, 1997",
    "https://doi.org/10.1162/neco.1997.9.8.1735",
)
GOODFELLOW = Reference(
    "Goodfellow et al., Generative adversarial nets, NIPS 2014", "https://arxiv.org/abs/1406.2661"
)
RADFORD = Reference(
    "Radford, Metz, Chintala, Unsupervised representation learning with deep convolutional "
    "generative adversarial networks, ICLR 2016",
    "https://arxiv.org/abs/1511.06434",
)
MESCHEDER = Reference(
    "Mescheder, Geiger, Nowozin, Which training methods for GANs do actually converge?, ICML 2018",
    "https://arxiv.org/abs/1801.04406",
)

REFERENCES = {  # as in the docstrings of stages/networks; keys as in SENTENCES
    "raw_tensorflow": (
        Reference(
            "Glorot, Bengio, Understanding the difficulty of training deep feedforward neural "
            "networks, AISTATS 2010",
            "https://proceedings.mlr.press/v9/glorot10a.html",
        ),
    ),
    "cnn": (LECUN, KRIZHEVSKY),
    "block_cnn/residual": (
        Reference(
            "He et al., Deep residual learning for image recognition, CVPR 2016",
            "https://arxiv.org/abs/1512.03385",
        ),
        Reference(
            "DeVries, Taylor, Improved regularization of convolutional neural networks with "
            "cutout, 2017",
            "https://arxiv.org/abs/1708.04552",
        ),
    ),
    "block_cnn/inception": (
        Reference(
            "Szegedy et al., Going deeper with convolutions, CVPR 2015",
            "https://arxiv.org/abs/1409.4842",
        ),
    ),
    "text_rnn/lstm": (HOCHREITER,),
    "text_rnn/gru": (
        Reference(
            "Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014",
            "https://arxiv.org/abs/1406.1078",
        ),
    ),
    "text_rnn/simple_rnn": (
        Reference(
            "Elman, Finding structure in time, 1990", "https://doi.org/10.1207/s15516709cog1402_1"
        ),
    ),
    "char_rnn": (
        Reference(
            "Graves, Generating sequences with recurrent neural networks, 2013",
            "https://arxiv.org/abs/1308.0850",
        ),
        Reference(
            "Karpathy, The unreasonable effectiveness of recurrent neural networks, 2015",
            "https://karpathy.github.io/2015/05/21/rnn-effectiveness/",
        ),
    ),
    "vae": (
        Reference(
            "Kingma, Welling, Auto-encoding variational Bayes, ICLR 2014",
            "https://arxiv.org/abs/1312.6114",
        ),
        Reference(
            "Higgins et al., beta-VAE, ICLR 2017", "https://openreview.net/forum?id=Sy2fzU9gl"
        ),
    ),
    "gan/dcgan": (GOODFELLOW, RADFORD, MESCHEDER),
    "gan/mlp": (GOODFELLOW, MESCHEDER),
    "toy_mlp": (
        Reference(
            "Smilkov et al., Direct-manipulation visualization of deep networks, 2017",
            "https://arxiv.org/abs/1708.03788",
        ),
    ),
    "fourier_mlp": (
        Reference(
            "Tancik et al., Fourier features let networks learn high frequency functions in low "
            "dimensional domains, NeurIPS 2020",
            "https://arxiv.org/abs/2006.10739",
        ),
    ),
}


def describe_network(network: Network) -> str:
    """Return one sentence on what the network is; empty for a network without one."""
    return SENTENCES.get(find_variant(network, SENTENCES), "").format_map(network)


def find_references(network: Network) -> tuple[Reference, ...]:
    """Return the papers of a network."""
    return REFERENCES.get(find_variant(network, REFERENCES), ())


def find_variant(network: Network, texts: Mapping[str, Any]) -> str:
    """Return the key of a network in `texts`: its name, or name/variant if that is one."""
    name = network["name"]
    variants = {
        "mlp": "" if network.get("hidden_units") else "linear",
        # The last type in the alphabet: residual before inception before conv.
        "block_cnn": max((block["type"] for block in network.get("blocks", [])), default=""),
        "gan": network.get("generator", {}).get("type", ""),
    }
    variant = f"{name}/{variants.get(name, network.get('cell', ''))}"
    return variant if variant in texts else name


def describe_layers(network: Network) -> str:
    """Return the layers of a network in order; empty for an unknown network."""
    describe = LAYERS.get(network.get("name", ""))
    return describe(network) if describe else ""


def chain(*layers: str) -> str:
    """Join layers in order."""
    return " → ".join(layers)


def dense(units: Sequence[int], activation: str) -> list[str]:
    """Describe fully connected layers."""
    return [f"dense {number} {ACTIVATIONS.get(activation, activation)}" for number in units]


def conv(layer: Mapping[str, Any]) -> str:
    """Describe a convolutional layer of the network cnn."""
    size = layer["kernel_size"]
    options = [name for name in ("max_pool", "batch_norm") if layer[name]]
    names = [{"max_pool": "max-pool", "batch_norm": "batch norm"}[name] for name in options]
    return ", ".join([f"conv {layer['filters']} ({size}x{size}, {layer['padding']})", *names])


def mlp_layers(network: Network) -> str:
    """Describe the layers of the network mlp."""
    return chain(*dense(network["hidden_units"], network["activation"]), "softmax output")


def cnn_layers(network: Network) -> str:
    """Describe the layers of the network cnn."""
    convolutions = [conv(layer) for layer in network["conv_layers"]]
    units = dense(network["dense_units"], network["activation"])
    return chain(*convolutions, *units, "softmax output")


def block(config: Mapping[str, Any]) -> str:
    """Describe a block of the network block_cnn."""
    pool = ", max-pool" if config.get("max_pool") else ""
    if config["type"] == "residual":
        strides = f", stride {config['strides']}" if config["strides"] > 1 else ""
        return f"residual {config['filters']}{strides}"
    if config["type"] == "inception":
        sizes = ("1x1", "3x3", "5x5", "pool")
        return f"inception {' + '.join(str(config[f'filters_{size}']) for size in sizes)}{pool}"
    size = config["kernel_size"]
    return f"conv {config['filters']} ({size}x{size}){pool}"


def block_cnn_layers(network: Network) -> str:
    """Describe the blocks of the network block_cnn."""
    flips = ", averaged over the image and its mirror image" if network["average_flips"] else ""
    blocks = [block(config) for config in network["blocks"]]
    return chain(*blocks, "global average pooling", f"softmax output{flips}")


def binary_mlp_layers(network: Network) -> str:
    """Describe the layers of the networks tabular_mlp and toy_mlp."""
    return chain(*dense(network["hidden_units"], network["activation"]), "sigmoid output")


def raw_layers(network: Network) -> str:
    """Describe the layers of the network raw_tensorflow."""
    return chain(f"dense {network['hidden_units']} sigmoid", "softmax output")


def text_rnn_layers(network: Network) -> str:
    """Describe the layers of the network text_rnn."""
    return chain(
        f"embedding {network['embedding_dim']}",
        f"{CELLS[network['cell']]} {network['units']}",
        "average and max-pooling over all words",
        "sigmoid output",
    )


def char_rnn_layers(network: Network) -> str:
    """Describe the layers of the network char_rnn."""
    cells = [f"{CELLS[network['cell']]} {network['units']}"] * network["layers"]
    return chain(f"embedding {network['embedding_dim']}", *cells, "softmax output")


def vae_layers(network: Network) -> str:
    """Describe the layers of the network vae."""
    activation, (first, second) = network["activation"], network["decoder_filters"]
    encoder = chain(
        *(f"conv {filters}, stride 2, batch norm" for filters in network["encoder_filters"]),
        *dense(network["encoder_units"], activation),
        f"mean and variance of {network['latent_dim']} latent variables",
    )
    decoder = chain(
        *dense(network["decoder_units"], activation),
        f"dense to {first} feature maps",
        f"transposed conv {second}",
        "transposed conv, sigmoid output",
    )
    return f"Encoder: {encoder}. Decoder: {decoder}."


def gan_layers(network: Network) -> str:
    """Describe the layers of the network gan."""
    generator, discriminator = network["generator"], network["discriminator"]
    if generator["type"] == "mlp":
        first = [*dense(generator["hidden_units"], generator["activation"]), "2-D point"]
        second = dense(discriminator["hidden_units"], discriminator["activation"])
    else:
        maps, filters = generator["filters"]
        first = [
            f"dense to {maps} feature maps, batch norm",
            f"transposed conv {filters}, batch norm",
            "transposed conv, tanh output",
        ]
        second = [f"conv {number}, stride 2, leaky ReLU" for number in discriminator["filters"]]
    return (
        f"Generator: {chain(str(network['latent_dim']) + '-D noise', *first)}. "
        f"Discriminator: {chain(*second, 'sigmoid output')}."
    )


def fourier_layers(network: Network) -> str:
    """Describe the layers of the network fourier_mlp."""
    return chain(
        f"{network['num_frequencies']} random Fourier frequencies (sigma {network['sigma']:g})",
        *dense(network["hidden_units"], "relu"),
        "sigmoid output (RGB)",
    )


LAYERS: dict[str, Callable[[Network], str]] = {
    "mlp": mlp_layers,
    "cnn": cnn_layers,
    "block_cnn": block_cnn_layers,
    "tabular_mlp": binary_mlp_layers,
    "toy_mlp": binary_mlp_layers,
    "raw_tensorflow": raw_layers,
    "text_rnn": text_rnn_layers,
    "char_rnn": char_rnn_layers,
    "vae": vae_layers,
    "gan": gan_layers,
    "fourier_mlp": fourier_layers,
}
