"""Why a recipe differs from that of the course, and what params.yaml cannot say of the latter."""

from collections.abc import Mapping
from typing import NamedTuple

CLIPPING = {"higher": "Clipping keeps a single large gradient from spoiling the weights."}

# Why a change of a parameter from the course's value to ours helps: by parameter, then by the kind
# of change (see recipes.describe_change) or our value.
EXPLANATIONS = {
    "max_length": {
        "higher": "More of each review is read, and so more of the opinion that it expresses.",
    },
    "activation": {
        "tanh": "Tanh is smooth and centered at 0, so that few units form a smooth boundary.",
    },
    "filters": {
        "lower": "Fewer filters take less time and have fewer weights to overfit with.",
        "higher": "More filters detect more kinds of patterns.",
    },
    "padding": {
        "same": "Same padding keeps the size of the feature maps, and so the border of the image.",
    },
    "max_pool": {
        "other": "Early max-pooling saves time; late max-pooling keeps more detail.",
    },
    "batch_norm": {
        "higher": "Batch normalization keeps the scale of the activations stable, which allows"
        " higher learning rates.",
    },
    "initial_gain": {
        "higher": "Since the slope of a sigmoid is at most 1/4, larger initial weights keep the"
        " scale of the signal.",
    },
    "decoder_initial_stddev": {
        "higher": "Large initial weights give the decoder high-frequency features of the few latent"
        " variables, which small weights learn slowly.",
    },
    "name": {
        "adam": "Adam combines momentum with a step size adapted to each weight.",
        "sgd": "SGD with momentum needs a tuned learning rate, but often generalizes better than"
        " Adam in convolutional networks.",
    },
    "learning_rate": {
        "higher": "A higher learning rate makes faster progress, as long as training is stable.",
        "lower": "A lower learning rate is more stable.",
    },
    "schedule": {
        "one_cycle": "Warmup keeps the first steps stable, the high rate then makes fast progress,"
        " and the decay lets the weights settle.",
        "triangular": "Warmup keeps the first steps stable, and the decay lets the weights settle.",
        "cosine": "The decay lets the weights settle instead of fluctuating around a minimum.",
    },
    "epochs": {
        "higher": "More passes over the training split lower the training loss further.",
        "lower": "Fewer passes take less time and leave less time to overfit.",
    },
    "batch_size": {
        "higher": "Larger batches use the processor better and have less noisy gradients, which"
        " allows higher learning rates.",
        "lower": "Smaller batches make more steps per epoch.",
    },
    "dropout": {
        "higher": "Dropout disables random units in training, so that none can rely on another,"
        " which reduces overfitting.",
        "lower": "Less dropout lets the network fit more closely.",
    },
    "spatial_dropout": {
        "higher": "Spatial dropout drops whole feature maps, since neighboring values are too"
        " correlated for dropping single ones to help.",
    },
    "word_dropout": {
        "higher": "Word dropout hides whole words, so that no single word decides.",
    },
    "l2": {
        "higher": "The L2 penalty keeps the weights small and the function smooth, which reduces"
        " overfitting.",
    },
    "r1_weight": {
        "higher": "The R1 penalty on the gradient of the discriminator at real images stabilizes"
        " adversarial training.",
    },
    "shift": {
        "higher": "Random shifts show each image in other positions, which reduces overfitting.",
    },
    "flip": {
        "higher": "Mirrored images are as plausible as the originals, and reduce overfitting.",
    },
    "global_clipnorm": CLIPPING,
    "clipvalue": CLIPPING,
    "ema_momentum": {
        "higher": "The average of the weights over the last steps fluctuates less than the weights"
        " themselves.",
    },
    "precision": {
        "auto": "bfloat16 takes less time on processors that support it natively.",
    },
}

MAX_POOLING = "Max-pooling after each convolution saves two thirds of the time of an epoch."
POOLING = (
    "Pooling over all words keeps what was read early, which the last state may have forgotten."
)
LEAKY_RELU = (
    "Leaky ReLU has a gradient for negative inputs, too, so that more of it reaches the generator."
)


class Course(NamedTuple):
    """What benchmarks/recipes.yaml does not say of a course recipe.

    Attributes:
        num_params: Number of parameters of its network.
        layers: Layers of the network that benchmarks/as_taught/<model>.py builds; empty if
            recipes.yaml describes the network.
        regularization: Regularization, if `layers` are given.
        reasons: Explanations by row of the recipe table, if `layers` are given.
        note: Other differences.
    """

    num_params: int
    layers: str = ""
    regularization: str = "none"
    reasons: Mapping[str, tuple[str, ...]] = {}
    note: str = ""


COURSES = {
    "mnist_lowlevel": Course(
        407_050,
        note="The course sums the cross-entropy over the batch, with a learning rate of 0.001;"
        " for the mean over the batch, as here, that is 0.25.",
    ),
    "mnist_mlp": Course(407_050),
    "mnist_cnn": Course(
        1_199_882,
        layers="conv 32 (3x3, valid) → conv 64 (3x3, valid), max-pool → dense 128 ReLU → softmax"
        " output",
        regularization="dropout 0.25 after the convolutions, 0.5 after the dense layer",
        reasons={
            "Layers": (EXPLANATIONS["batch_norm"]["higher"], MAX_POOLING),
            "Regularization": (EXPLANATIONS["dropout"]["lower"],),
        },
    ),
    "mnist_alexnet": Course(
        19_772_682,
        note="The course article names neither the filters nor the optimizer: those of the course"
        " column are an assumption.",
    ),
    "votes_mlp": Course(
        1_089,
        note="The course drops the rows with missing votes; its rerun encodes a missing vote as"
        " 0.5, between nay (0) and yea (1).",
    ),
    "masses_mlp": Course(
        37,
        note="The course drops the rows with missing values and standardizes all columns; here,"
        " only age is standardized, and the codes of shape, margin and density are one-hot encoded,"
        " so that their order does not matter.",
    ),
    "imdb_lstm": Course(
        2_691_713,
        layers="embedding 128 → LSTM 128, last state → sigmoid output",
        regularization="dropout 0.2 and recurrent dropout 0.2 in the LSTM",
        reasons={
            "Layers": (POOLING,),
            "Regularization": (EXPLANATIONS["word_dropout"]["higher"],),
        },
        note="The course reads the reviews in random order; here, batches have reviews of similar"
        " length, which saves padding.",
    ),
    "fashion_vae": Course(
        1_036_805,
        layers="Encoder: conv 128, stride 2 → conv 64, stride 2 → dense 256 ReLU → mean and"
        " variance of 2 latent variables. Decoder: dense to 64 feature maps → transposed conv 128 →"
        " transposed conv 64 → transposed conv, sigmoid output.",
        reasons={"Layers": (EXPLANATIONS["batch_norm"]["higher"],)},
        note="The course trains on all 70,000 images; its rerun does not use the test images.",
    ),
    "fashion_gan": Course(
        3_479_554,
        layers="Generator: 150-D noise → dense to 256 feature maps → transposed conv 256 →"
        " transposed conv 128 → transposed conv, sigmoid output. Discriminator: conv 256, stride 2,"
        " ReLU → conv 128, stride 2, ReLU → dense 64 ReLU → sigmoid output.",
        regularization="dropout 0.2 in the discriminator",
        reasons={
            "Layers": (EXPLANATIONS["batch_norm"]["higher"], LEAKY_RELU),
            "Regularization": (EXPLANATIONS["r1_weight"]["higher"],),
        },
        note="The course trains on all 70,000 images; its rerun does not use the test images.",
    ),
}
