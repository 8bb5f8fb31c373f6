"""Temporal convolutional network that forecasts a time series."""
