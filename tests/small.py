"""Small blocks of parameters, which the tests of several modules share."""

from stages.params import Gan, Optimizer

RATE = Optimizer(name="adam", learning_rate=1e-3, momentum=0.5, weight_decay=0.0, clip_norm=None)
GAN = Gan(
    network="gan",
    task="generation",
    judge="fashion_cnn",
    dataset="fashion_mnist",
    seed=1,
    epochs=2,
    batch_size=16,
    precision="float32",
    noise_units=6,
    generator_filters=[8, 4],
    discriminator_filters=[4, 8],
    generator_optimizer=RATE,
    discriminator_optimizer=RATE,
    schedule="cosine",
    discriminator_steps=1,
    label_smoothing=0.1,
    gradient_penalty=1.0,
    ema_decay=0.9,
    augmentation=None,
)
