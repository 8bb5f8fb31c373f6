"""Optimizers and learning-rate schedules."""

from typing import Any

import keras

from stages.config.schema import Adam, AnyOptimizer, RmsProp, Sgd

WARMUP = 0.3  # of the steps of one_cycle
INITIAL_DIVISOR = 25  # of its peak rate, at which the warmup begins
NOT_DECAYED = ["bias", "beta", "gamma"]


def make_optimizer(config: AnyOptimizer, total_steps: int) -> keras.optimizers.Optimizer:
    """Build an optimizer with its learning-rate schedule.

    Weight decay is decoupled from the gradient and leaves biases and normalization alone.
    Gradients are scaled down when the norm of all of them together exceeds `global_clipnorm`.
    With `ema_momentum`, it tracks the exponential moving average of the weights, which
    callbacks.AveragedWeights puts in their place.

    Args:
        config: optimizer section of a model.
        total_steps: of the whole training, over which the schedule runs.

    Reference:
        Loshchilov, Hutter: Decoupled weight decay regularization, ICLR 2019.
        Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks,
        ICML 2013.
        Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992.
    """
    common: dict[str, Any] = {
        "learning_rate": make_schedule(config.schedule, config.learning_rate, total_steps),
        "weight_decay": config.weight_decay or None,
        "global_clipnorm": config.global_clipnorm,
    }
    if config.ema_momentum:
        common |= {"use_ema": True, "ema_momentum": config.ema_momentum}
    optimizer: keras.optimizers.Optimizer
    match config:
        case Adam():
            optimizer = keras.optimizers.Adam(beta_1=config.beta_1, beta_2=config.beta_2, **common)
        case Sgd():
            optimizer = keras.optimizers.SGD(
                momentum=config.momentum, nesterov=config.nesterov, **common
            )
        case RmsProp():
            optimizer = keras.optimizers.RMSprop(rho=config.rho, momentum=config.momentum, **common)
    if config.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimizer


def make_schedule(
    name: str, peak: float, total_steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate as a function of the step, `peak` at most.

    Args:
        name: "constant"; "cosine", which falls from the peak to 0; or "one_cycle", which rises
            linearly from peak / 25 for three tenths of the steps and then falls like "cosine".
        peak: the highest learning rate.
        total_steps: of the whole training.

    Reference:
        Loshchilov, Hutter: SGDR, ICLR 2017. Smith, Topin: Super-convergence, arXiv 1708.07120;
        the cosine in its second half is fastai's.
    """
    if name == "constant":
        return peak
    warmup_steps = int(WARMUP * total_steps) if name == "one_cycle" else 0
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / INITIAL_DIVISOR if warmup_steps else peak,
        warmup_target=peak if warmup_steps else None,
        warmup_steps=warmup_steps,
        decay_steps=max(total_steps - warmup_steps, 1),
    )
