"""Paths, relative to the project's top folder, from which all stages run."""

from pathlib import Path

PARAMS = Path("params.yaml")
RAW = Path("data/raw")
PROCESSED = Path("data/processed")
MODELS = Path("models")
REPORTS = Path("reports")
