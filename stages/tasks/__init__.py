"""Tasks: evaluation and presentation of trained models.

A package per task: evaluate.py computes (`evaluate(context) -> Evaluation`, see interface.py),
plots.py draws, captions.py explains. stages/page/charts/<task>.json draws the chart in `dvc plots`.
"""
