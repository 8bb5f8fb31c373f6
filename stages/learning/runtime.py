"""Environment of a training run: seed, determinism, precision."""

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
    """Context of a reproducible training run.

    Within it, equal seeds and configs produce byte-for-byte identical weights. The Keras state,
    from which layers get their names, is cleared. On exit, the dtype policy and the states of the
    random generators of Python and NumPy are restored. Deterministic operations and the seed of
    TensorFlow, which cannot be restored, remain; the next session sets the seed again.

    Args:
        seed: Seed of Python, NumPy, Keras and TensorFlow.
        precision: Keras dtype policy, or "auto"; see `resolve_precision`.

    Yields:
        The name of the dtype policy.

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
    """Return the dtype policy that "auto" selects on this CPU; other names are returned unchanged.

    CPUs without bfloat16 instructions emulate it, which is slower than float32. Weights are always
    float32.

    Reference:
        Micikevicius et al.: Mixed precision training, ICLR 2018.
    """
    if precision != "auto":
        return precision
    native = any(flag in cpu_type() for flag in BFLOAT16_FLAGS)
    return "mixed_bfloat16" if native else "float32"


def cpu_type() -> str:
    """Instruction set that results depend on, for example "x86_64 amx_bf16" or "arm64"."""
    text = CPUINFO.read_text() if CPUINFO.exists() else ""
    flags = set(text.split())
    bfloat16 = [flag for flag in BFLOAT16_FLAGS if flag in flags][:1]
    return " ".join([platform.machine(), *bfloat16])
