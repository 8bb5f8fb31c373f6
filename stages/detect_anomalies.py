"""Detect anomalies with an autoencoder: reports/<model>/anomaly_detection/.

The anomalies are the test images of another dataset. Writes metrics.json, details.json and plots/.
"""

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.files import flatten
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import load_split


def main(model: str) -> None:
    """Rank the test images of two datasets by their reconstruction error."""
    config = get_section(load_params().anomaly_detection, model, "anomaly detection")
    from stages.inference.bundle import load_bundle
    from stages.plots.style import figure_style
    from stages.tasks.reconstruction.anomalies import detect
    from stages.tasks.reconstruction.captions import ANOMALY_CAPTIONS
    from stages.tasks.saving import describe_figures, save_evaluation

    images = {name: load_split(name, "test").x for name in (config.dataset, config.anomalies)}
    with figure_style():
        evaluation = detect(load_bundle(MODELS / model).model, images)
        captions = describe_figures(evaluation, ANOMALY_CAPTIONS)
        folder = REPORTS / model / "anomaly_detection"
        save_evaluation(folder, evaluation, {"captions": captions})
    metrics = flatten(evaluation.metrics)
    print(f"{model}: " + ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    cli.run(main, "anomaly detection")
