"""Forecasting of time series: error by horizon, compared with naive and linear forecasts."""
