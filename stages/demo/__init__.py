"""Use the trained models on a local page: functions from values to values, and their widgets."""
