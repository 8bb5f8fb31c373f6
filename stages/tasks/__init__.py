"""Tasks: how a trained model is evaluated and shown.

A package per task: evaluate.py computes (`evaluate(context) -> Evaluation`, see interface.py),
plots.py draws, captions.py explains. .dvc/plots/<task>.json draws the chart in `dvc plots`.
"""
