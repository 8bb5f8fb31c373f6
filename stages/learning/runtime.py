"""The state in which a model is trained: seed, determinism, precision."""

import platform
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

CPUINFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


@contextmanager
def session(seed: int, precision: str) -> Iterator[str]:
    """Train inside of this: equal seeds and configs give equal weights, byte for byte.

    Keras begins without memory of earlier models (layers are named by their number). At the end
    the dtype policy and the states of Python's and NumPy's generators are those of before. Two
    things stay, which TensorFlow cannot take back: deterministic operations, and its own seed,
    which the next session sets anew.

    Args:
        seed: for Python, NumPy, Keras and TensorFlow.
        precision: a Keras dtype policy, or "auto": see `resolve_precision`.

    Yields:
        The name of the dtype policy in force.

    Reference:
        https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism
    """
    policy = keras.config.dtype_policy()
    python_state, numpy_state = random.getstate(), np.random.get_state()
    resolved = resolve_precision(precision)
    try:
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
        keras.config.set_dtype_policy(resolved)
        yield resolved
    finally:
        keras.utils.clear_session(free_memory=False)
        keras.config.set_dtype_policy(policy)
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def resolve_precision(precision: str) -> str:
    """The dtype policy that "auto" stands for on this processor; any other name as it is.

    Processors without bfloat16 instructions emulate it, more slowly than float32. Weights are
    float32 in any case.

    Reference:
        Micikevicius et al.: Mixed precision training, ICLR 2018.
    """
    if precision != "auto":
        return precision
    native = any(flag in processor_kind() for flag in BFLOAT16_FLAGS)
    return "mixed_bfloat16" if native else "float32"


def processor_kind() -> str:
    """What results depend on of this processor, for example "x86_64 amx_bf16" or "arm64"."""
    text = CPUINFO.read_text() if CPUINFO.exists() else ""
    flags = set(text.split())
    found = [flag for flag in BFLOAT16_FLAGS if flag in flags][:1]
    return " ".join([platform.machine(), *found])
