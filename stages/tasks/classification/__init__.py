"""Telling classes apart: accuracy, errors, calibration, cross-validation."""
