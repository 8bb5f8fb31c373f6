"""Classification: errors, calibration and, of two classes, the choice of a threshold."""
