"""Explore the noise space of a GAN: reports/<model>/exploration/.

Writes metrics.json, details.json and plots/ there. The test images are only inverted; nothing is
chosen by them.
"""

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.files import flatten
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import load_info, load_split


def main(model: str) -> None:
    """Find noise vectors of test images, and change attributes by vector arithmetic."""
    config = get_section(load_params().exploration, model, "exploration")
    import keras
    import tensorflow as tf

    from stages.inference.bundle import load_bundle
    from stages.plots.style import figure_style
    from stages.tasks.classifier import check_evaluator
    from stages.tasks.exploration.captions import CAPTIONS
    from stages.tasks.exploration.explore import Explorer, explore
    from stages.tasks.saving import describe_figures, save_evaluation

    classes, test = load_info(config.dataset)["classes"], load_split(config.dataset, "test")
    bundle, evaluator = (load_bundle(MODELS / name) for name in (model, config.evaluator))
    check_evaluator(evaluator.model, config.evaluator, classes)
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    explorer = Explorer(bundle.model.get_layer("generator"), evaluator.model, classes)
    with figure_style():
        evaluation = explore(explorer, test.x, config)
        captions = describe_figures(evaluation, CAPTIONS)
        save_evaluation(REPORTS / model / "exploration", evaluation, {"captions": captions})
    metrics = flatten(evaluation.metrics)
    print(f"{model}: " + ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    cli.run(main, "explored model")
