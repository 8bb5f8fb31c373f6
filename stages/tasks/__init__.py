"""One package a task: how a trained model is judged and shown.

Each has a module `evaluate` with `evaluate(inputs: Inputs, block) -> Evaluation`
(stages/evaluation.py), and a chart template in .dvc/plots/.
"""
