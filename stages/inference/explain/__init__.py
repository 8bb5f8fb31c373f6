"""Explanations of what trained networks answer: functions of models and arrays."""
