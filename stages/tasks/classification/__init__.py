"""Classification: errors, calibration and, for two classes, decision thresholds."""
