"""The stages of the pipeline, and what they use."""

import os

# TensorFlow reads these when it is imported.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Keep freed memory for the next step instead of giving it back to the system and asking again.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
