import random
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.learning import runtime
from stages.learning.runtime import cpu_type, resolve_precision, session

CPUINFO = "processor : 0\nflags : fpu sse {}\n"


def draw(seed: int) -> tuple[float, float, float, str]:
    with session(seed, "float32"):
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
        weights = layer.kernel.numpy().sum() + tf.random.normal([1]).numpy()[0]
        return random.random(), np.random.random(), float(weights), layer.name


def test_a_session_draws_the_same_numbers_from_the_same_seed() -> None:
    assert draw(1) == draw(1)
    assert draw(1)[3] == "dense"
    assert all(a != b for a, b in zip(draw(1)[:3], draw(2)[:3], strict=True))


def test_a_session_restores_policy_and_generators_also_after_an_error() -> None:
    random.seed(5)
    np.random.seed(6)
    expected = random.Random(5).random(), np.random.RandomState(6).random()
    keras.config.set_dtype_policy("float32")

    def fail_in_session() -> None:
        with session(1, "mixed_bfloat16") as resolved:
            assert resolved == keras.config.dtype_policy().name == "mixed_bfloat16"
            random.random()
            np.random.random()
            raise KeyError

    with pytest.raises(KeyError):
        fail_in_session()
    assert keras.config.dtype_policy().name == "float32"
    assert (random.random(), np.random.random()) == expected


@pytest.mark.parametrize(
    ("flags", "kind", "precision"),
    [
        ("avx512_bf16 amx_bf16", "amx_bf16", "mixed_bfloat16"),
        ("avx512_bf16", "avx512_bf16", "mixed_bfloat16"),
        ("avx512f xavx512_bf16", "", "float32"),
    ],
)
def test_auto_is_bfloat16_if_the_cpu_supports_it(
    flags: str, kind: str, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(CPUINFO.format(flags))
    monkeypatch.setattr(runtime, "CPUINFO", path)
    monkeypatch.setattr(runtime.platform, "machine", lambda: "x86_64")
    assert cpu_type() == f"x86_64 {kind}".strip()
    assert resolve_precision("auto") == precision
    assert resolve_precision("float32") == "float32"
    assert resolve_precision("mixed_bfloat16") == "mixed_bfloat16"


def test_a_cpu_without_cpuinfo_has_no_bfloat16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "CPUINFO", tmp_path / "absent")
    monkeypatch.setattr(runtime.platform, "machine", lambda: "arm64")
    assert cpu_type() == "arm64"
    assert resolve_precision("auto") == "float32"
