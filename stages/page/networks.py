"""Describe networks in words: what they are, their layers and their papers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Network = Mapping[str, Any]  # section `network` of a model in params.yaml

SENTENCES = {  # by name and, where there are several, variant
    "mlp": "A fully connected network: every hidden unit sees the whole image, and does not know "
    "which pixels are neighbors.",
    "mlp/linear": "A linear classifier without hidden layers: the score of a class is a weighted "
    "sum of all pixels.",
    "raw_tensorflow": "A fully connected network of sigmoid units, written with low-level "
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
    "text_cnn": "A convolutional network: small filters slide over the words of a text, so that a "
    "phrase is recognized wherever it appears.",
    "text_cnn/recurrent": "A convolutional network that recognizes phrases, and a recurrent layer "
    "that reads them in order; pooling in between makes the sequence shorter and saves time.",
    "ngrams": "A linear classifier of the words and word sequences that a text contains: each has "
    "the log ratio of its frequencies in both classes, as in naive Bayes, times a learned weight. "
    "It is trained a second time with the validation split included.",
    "word2vec": "A skip-gram model: the vector of a word is trained to predict the words near it, "
    "so that words in similar contexts get similar vectors. It uses the words of the reviews, not "
    "their labels.",
    "char_rnn": "A language model: it predicts the next character from those before it, and writes "
    "text by sampling from its predictions.",
    "seq2seq/text": "A recurrent encoder-decoder network: the encoder reads a text in both "
    "directions, and the decoder writes another sequence until an end-of-sequence token; "
    "for each token, attention selects what to look at in the input.",
    "seq2seq/image": "A network that captions images: a convolutional encoder turns an image into "
    "a sequence of columns, and a recurrent decoder writes words until an end-of-sequence token; "
    "for each word, attention selects where to look in the image.",
    "tcn": "A temporal convolutional network: dilated convolutions over past values, of which each "
    "sees twice as far back as the one before, and an output for each step of the future.",
    "vae": "A variational autoencoder: the encoder maps an image to a distribution over "
    "{latent_dim} latent variables, and the decoder maps a sample of it back to the image; decoded "
    "samples of the prior are new images.",
    "cvae": "A conditional variational autoencoder: encoder and decoder are given the class of the "
    "image as well, so that the {latent_dim} latent variables describe the rest, and any class can "
    "be generated; a small classifier, trained first, makes its samples recognizable.",
    "autoencoder": "A convolutional autoencoder: the encoder compresses an image into "
    "{latent_dim} numbers, and the decoder reconstructs the image from them.",
    "autoencoder/u_net": "A convolutional autoencoder with skip connections: it maps a corrupted "
    "image to the original, with feature maps of all sizes instead of a bottleneck.",
    "draw": "A recurrent variational autoencoder: in {glimpses} glimpses, one LSTM reads the image "
    "through a small window that moves and zooms, and another adds small patches to a canvas; "
    "each glimpse has {latent_dim} latent variables, and those drawn from the prior give new "
    "images.",
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
KIM = Reference(
    "Kim, Convolutional neural networks for sentence classification, EMNLP 2014",
    "https://arxiv.org/abs/1408.5882",
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
    "text_cnn": (KIM,),
    "text_cnn/recurrent": (
        KIM,
        Reference(
            "Zhou et al., A C-LSTM neural network for text classification, 2015",
            "https://arxiv.org/abs/1511.08630",
        ),
    ),
    "ngrams": (
        Reference(
            "Wang, Manning, Baselines and bigrams: simple, good sentiment and topic "
            "classification, ACL 2012",
            "https://aclanthology.org/P12-2018/",
        ),
    ),
    "word2vec": (
        Reference(
            "Mikolov et al., Distributed representations of words and phrases and their "
            "compositionality, NIPS 2013",
            "https://arxiv.org/abs/1310.4546",
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
    "seq2seq/text": (
        Reference(
            "Sutskever, Vinyals, Le, Sequence to sequence learning with neural networks, NIPS 2014",
            "https://arxiv.org/abs/1409.3215",
        ),
        Reference(
            "Bahdanau, Cho, Bengio, Neural machine translation by jointly learning to align and "
            "translate, ICLR 2015",
            "https://arxiv.org/abs/1409.0473",
        ),
        Reference(
            "Luong, Pham, Manning, Effective approaches to attention-based neural machine "
            "translation, EMNLP 2015",
            "https://arxiv.org/abs/1508.04025",
        ),
    ),
    "seq2seq/image": (
        Reference(
            "Vinyals et al., Show and tell: A neural image caption generator, CVPR 2015",
            "https://arxiv.org/abs/1411.4555",
        ),
        Reference(
            "Xu et al., Show, attend and tell: Neural image caption generation with visual "
            "attention, ICML 2015",
            "https://arxiv.org/abs/1502.03044",
        ),
    ),
    "tcn": (
        Reference(
            "van den Oord et al., WaveNet: A generative model for raw audio, 2016",
            "https://arxiv.org/abs/1609.03499",
        ),
        Reference(
            "Bai, Kolter, Koltun, An empirical evaluation of generic convolutional and recurrent "
            "networks for sequence modeling, 2018",
            "https://arxiv.org/abs/1803.01271",
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
    "cvae": (
        Reference(
            "Sohn, Lee, Yan, Learning structured output representation using deep conditional "
            "generative models, NIPS 2015",
            "https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html",
        ),
        Reference(
            "Bao et al., CVAE-GAN: Fine-grained image generation through asymmetric training, ICCV "
            "2017",
            "https://arxiv.org/abs/1703.10155",
        ),
    ),
    "autoencoder": (
        Reference(
            "Hinton, Salakhutdinov, Reducing the dimensionality of data with neural networks, 2006",
            "https://doi.org/10.1126/science.1127647",
        ),
    ),
    "autoencoder/u_net": (
        Reference(
            "Vincent et al., Extracting and composing robust features with denoising autoencoders, "
            "ICML 2008",
            "https://doi.org/10.1145/1390156.1390294",
        ),
        Reference(
            "Ronneberger, Fischer, Brox, U-Net: Convolutional networks for biomedical image "
            "segmentation, MICCAI 2015",
            "https://arxiv.org/abs/1505.04597",
        ),
    ),
    "draw": (
        Reference(
            "Gregor et al., DRAW: A recurrent neural network for image generation, ICML 2015",
            "https://arxiv.org/abs/1502.04623",
        ),
        HOCHREITER,
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


VARIANTS: dict[str, Callable[[Network], str]] = {  # of networks whose variant is not their cell
    "mlp": lambda network: "" if network["hidden_units"] else "linear",
    # The last type in the alphabet: residual before inception before conv.
    "block_cnn": lambda network: max(block["type"] for block in network["blocks"]),
    "gan": lambda network: network["generator"]["type"],
    "autoencoder": lambda network: "" if network["latent_dim"] else "u_net",
    "seq2seq": lambda network: network["encoder"]["type"],
    "text_cnn": lambda network: "recurrent" if network["recurrent"] else "",
}


def find_variant(network: Network, texts: Mapping[str, Any]) -> str:
    """Return the key of a network in `texts`: its name, or name/variant if that is one."""
    name = network["name"]
    variant = VARIANTS.get(name, lambda network: network.get("cell", ""))(network)
    return f"{name}/{variant}" if f"{name}/{variant}" in texts else name


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
    return chain(*dense(network["hidden_units"], "sigmoid"), "softmax output")


def text_rnn_layers(network: Network) -> str:
    """Describe the layers of the network text_rnn."""
    return chain(
        f"embedding {network['embedding_dim']}",
        f"{CELLS[network['cell']]} {network['units']}",
        "average and max-pooling over all words",
        "sigmoid output",
    )


def text_cnn_layers(network: Network) -> str:
    """Describe the layers of the network text_cnn."""
    sizes = " and ".join(str(size) for size in network["kernel_sizes"])
    recurrent = network["recurrent"]
    last = ["max-pooling over all words"]
    if recurrent:
        last = [
            f"max-pooling over {recurrent['max_pool']} words",
            f"{CELLS[recurrent['cell']]} {recurrent['units']}",
            "average and max-pooling over all outputs",
        ]
    return chain(
        f"embedding {network['embedding_dim']}",
        f"conv {network['filters']} over {sizes} words, ReLU",
        *last,
        "sigmoid output",
    )


def ngrams_layers(network: Network) -> str:
    """Describe the layers of the network ngrams."""
    longest, count = network["max_words"], network["min_count"]
    names = ["words", "pairs of words", "triples of words"][:longest]
    return chain(
        f"{', '.join(names)} in at least {count} {'text' if count == 1 else 'texts'}",
        "log-count ratios of norm 1",
        "sigmoid output",
    )


def word2vec_layers(network: Network) -> str:
    """Describe the layers of the network word2vec."""
    return f"embedding {network['embedding_dim']} of words, and another of the words near them"


def char_rnn_layers(network: Network) -> str:
    """Describe the layers of the network char_rnn."""
    cells = [f"{CELLS[network['cell']]} {network['units']}"] * network["layers"]
    return chain(f"embedding {network['embedding_dim']}", *cells, "softmax output")


def seq2seq_layers(network: Network) -> str:
    """Describe the layers of the network seq2seq."""
    encoder, decoder = network["encoder"], network["decoder"]
    if encoder["type"] == "text":
        first = [f"embedding {encoder['embedding_dim']}"]
    else:
        first = [f"conv {number} (3x3), max-pool, batch norm" for number in encoder["filters"]]
        first.append("columns of the feature maps")
    first.append(f"bidirectional GRU {encoder['units']}")
    second = [f"embedding {decoder['embedding_dim']}", f"GRU {decoder['units']}"]
    second.append(f"{decoder['attention']} attention")
    second += [*dense([decoder["units"]], "tanh"), "softmax output"]
    return f"Encoder: {chain(*first)}. Decoder: {chain(*second)}."


def tcn_layers(network: Network) -> str:
    """Describe the layers of the network tcn."""
    size, blocks = network["kernel_size"], network["blocks"]
    return chain(
        f"{blocks} residual blocks of {network['filters']} filters, kernel size {size}, dilation 1 "
        f"to {2 ** (blocks - 1)}",
        *dense(network["dense_units"], "relu"),
        "linear output",
    )


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


def cvae_layers(network: Network) -> str:
    """Describe the layers of the network cvae."""
    activation, (first, second) = network["activation"], network["decoder_filters"]
    encoder = chain(
        *(f"conv {filters}, stride 2, batch norm" for filters in network["encoder_filters"]),
        "class appended",
        *dense(network["encoder_units"], activation),
        f"mean and variance of {network['latent_dim']} latent variables",
    )
    decoder = chain(
        "class appended",
        *dense(network["decoder_units"], activation),
        f"dense to {first} feature maps",
        f"transposed conv {second}",
        "transposed conv, sigmoid output",
    )
    return f"Encoder: {encoder}. Decoder: {decoder}."


def autoencoder_layers(network: Network) -> str:
    """Describe the layers of the network autoencoder."""
    latent_dim = network["latent_dim"]
    encoder = [f"conv {filters}, stride 2, batch norm" for filters in network["encoder_filters"]]
    bottleneck = [f"dense to {latent_dim} latent variables"] if latent_dim else []
    transposed = "transposed conv {}, batch norm" + ("" if latent_dim else ", skip connection")
    decoder = [transposed.format(filters) for filters in network["decoder_filters"]]
    if latent_dim:
        decoder.insert(0, f"dense to {network['encoder_filters'][-1]} feature maps")
    decoder.append("conv, sigmoid output")
    return f"Encoder: {chain(*encoder, *bottleneck)}. Decoder: {chain(*decoder)}."


def draw_layers(network: Network) -> str:
    """Describe the layers of the network draw."""
    units, read, write = (network[key] for key in ("units", "read_size", "write_size"))
    encoder = chain(
        f"read {read}x{read} of image and error",
        f"LSTM {units}",
        f"mean and variance of {network['latent_dim']} latent variables",
    )
    decoder = chain(f"LSTM {units}", f"write {write}x{write} to the canvas")
    return f"{network['glimpses']} times: encoder: {encoder}; decoder: {decoder}."


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
    "text_cnn": text_cnn_layers,
    "ngrams": ngrams_layers,
    "word2vec": word2vec_layers,
    "char_rnn": char_rnn_layers,
    "seq2seq": seq2seq_layers,
    "tcn": tcn_layers,
    "vae": vae_layers,
    "cvae": cvae_layers,
    "autoencoder": autoencoder_layers,
    "draw": draw_layers,
    "gan": gan_layers,
    "fourier_mlp": fourier_layers,
}
