"""Optimizers and learning-rate schedules."""

from typing import Any

import keras
import tensorflow as tf

from stages.config.schema import Adagrad, Adam, AnyOptimizer, RmsProp, Sgd

WARMUP = 0.3  # fraction of the steps of one_cycle
INITIAL_DIVISOR = 25  # the warmup of one_cycle begins at the peak rate divided by it
NOT_DECAYED = ["bias", "beta", "gamma"]


def make_optimizer(config: AnyOptimizer, total_steps: int) -> keras.optimizers.Optimizer:
    """Build an optimizer with its learning-rate schedule.

    Weight decay is decoupled from the gradient and excludes biases and normalization layers.
    Gradients are scaled down when their global norm exceeds `global_clipnorm`, or each value is
    clipped to `clipvalue`. With `ema_momentum`, the optimizer tracks the exponential moving average
    of the weights, which callbacks.AveragedWeights swaps in.

    Args:
        config: Optimizer section of a model.
        total_steps: Number of training steps, over which the schedule runs.

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
        "clipvalue": config.clipvalue,
    }
    if config.ema_momentum:
        common |= {"use_ema": True, "ema_momentum": config.ema_momentum}
    optimizer: keras.optimizers.Optimizer
    match config:
        case Adam():
            optimizer = FusedAdam(beta_1=config.beta_1, beta_2=config.beta_2, **common)
        case Sgd():
            optimizer = FusedSgd(momentum=config.momentum, nesterov=config.nesterov, **common)
        case Adagrad():
            optimizer = keras.optimizers.Adagrad(**common)
        case RmsProp():
            optimizer = keras.optimizers.RMSprop(rho=config.rho, momentum=config.momentum, **common)
    if config.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimizer


class FusedAdam(keras.optimizers.Adam):
    """Adam with TensorFlow's fused kernel.

    Equivalent to keras.optimizers.Adam up to rounding; that optimizer runs as many small kernels,
    which takes twice as long on a CPU.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Update a variable and its two moments."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.convert_to_tensor(gradient),
        )


class FusedSgd(keras.optimizers.SGD):
    """Stochastic gradient descent with momentum, with TensorFlow's fused kernel; see FusedAdam."""

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Update a variable and its momentum."""
        if not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[index].value.handle,
            lr=tf.cast(learning_rate, tf.float32),
            grad=tf.convert_to_tensor(gradient),
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )


def make_schedule(
    name: str, peak: float, total_steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Build a learning-rate schedule.

    Args:
        name: "constant"; "cosine", which decays from the peak to 0; or "one_cycle", which warms up
            linearly from peak / 25 for three tenths of the steps and then decays like "cosine".
        peak: Highest learning rate.
        total_steps: Number of training steps.

    Reference:
        Loshchilov, Hutter: SGDR, ICLR 2017. Smith, Topin: Super-convergence, arXiv 1708.07120;
        its second half is a cosine as in fastai.
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
