"""Texts of the page that belong to no task: datasets, their figures, metrics, credits."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Caption(NamedTuple):
    """The title of a figure and its description."""

    title: str
    description: str = ""


class DatasetText(NamedTuple):
    """The display name of a dataset and its credit."""

    title: str
    credit: str = ""


DATASETS = {
    "mnist": DatasetText(
        "MNIST",
        "Handwritten digits by Yann LeCun, Corinna Cortes and Christopher J. C. Burges.",
    ),
    "fashion_mnist": DatasetText(
        "Fashion-MNIST",
        "Images of garments by Zalando Research (MIT License).",
    ),
    "congressional_votes": DatasetText(
        "Congressional votes",
        "Congressional Voting Records (1984), UCI Machine Learning Repository (CC BY 4.0).",
    ),
    "mammographic_masses": DatasetText(
        "Mammographic masses",
        "Mammographic Mass by Matthias Elter, UCI Machine Learning Repository (CC BY 4.0). The"
        " models on this page are not diagnostic tools.",
    ),
    "imdb": DatasetText(
        "IMDB reviews",
        "Large Movie Review Dataset by Andrew L. Maas et al. (ACL 2011).",
    ),
    "alice": DatasetText(
        "Alice in Wonderland",
        "Alice's Adventures in Wonderland by Lewis Carroll, as alice29.txt of the Canterbury"
        " corpus (public domain).",
    ),
    "dates": DatasetText("Dates"),
    "digit_rows": DatasetText(
        "Rows of digits",
        "Composed of MNIST: handwritten digits by Yann LeCun, Corinna Cortes and Christopher J. C."
        " Burges.",
    ),
    "neuron": DatasetText(
        "Neuron",
        "A recording of the membrane potential of a neuron, from the sample data of Matplotlib.",
    ),
    "garments": DatasetText(
        "Color garments",
        "Color images created from Fashion-MNIST by Zalando Research (MIT License), as an example"
        " of a folder of your own.",
    ),
    "flower": DatasetText(
        "Flower",
        "Photo by vultilion on Flickr (CC BY 2.0, scaled down), from the sample images of"
        " scikit-learn.",
    ),
    "circle": DatasetText("2-D points: disc and ring"),
    "xor": DatasetText("2-D points: XOR"),
    "spiral": DatasetText("2-D points: two spirals"),
    "ring": DatasetText("2-D points: ring"),
    "line": DatasetText("2-D points: line"),
    "clusters": DatasetText("2-D points: eight clusters"),
    "noisy_spiral": DatasetText("2-D points: two spirals with noise"),
}

DATASET_FIGURES = {
    "samples": Caption("Examples per class"),
    "flattened_inputs": Caption(
        "Flattened input vectors", "One example per row, one pixel per column."
    ),
    "classes": Caption("Class distribution by split"),
    "missing": Caption(
        "Missing values by class",
        "Where the classes differ, dropping incomplete rows biases the sample.",
    ),
    "votes": Caption("Mean vote by party", "-1 is nay, +1 is yea."),
    "age": Caption("Age of the patients by class"),
    "length": Caption("Words per review", "Reviews are truncated at the line."),
    "frequencies": Caption("Character frequencies"),
    "bigrams": Caption(
        "Character bigram probabilities", "Probability of each character after another one."
    ),
    "series": Caption(
        "The series by split",
        "Validation and test are later than training, as forecasts are of the future.",
    ),
    "image": Caption("The image, after downscaling"),
}

IMAGE_FOLDER_FIGURES = {
    "samples": Caption(
        "Cropping and resizing", "Top: source with crop box; bottom: network input."
    ),
    "sizes": Caption("Image sizes"),
}

METRICS = {
    "test.accuracy": "test accuracy",
    "test.exact_match_accuracy": "test exact-match accuracy",
    "test.skill_score": "skill score against the naive forecast",
    "cv.accuracy": "cross-validated accuracy",
    "cv.roc_auc": "cross-validated ROC AUC",
    "test.loss": "test loss",
    "test.total_loss": "test loss (reconstruction + weighted KL)",
    "test.elbo": "evidence lower bound (ELBO)",
    "test.psnr": "test PSNR",
    "samples.accuracy": "accuracy of the evaluator on samples",
    "frechet_distance": "Fréchet distance",
    "analogies.accuracy": "accuracy of analogies",
    "random_vectors.accuracy": "test accuracy with random word vectors",
    "sliced_wasserstein": "sliced Wasserstein distance",
    "test.sliced_wasserstein": "sliced Wasserstein distance",
    "steps_to_minimum": "steps to the minimum (all steps of a walk that does not arrive)",
    "gradient_passed_on": "gradient in the first layer, as a fraction of that in the output layer,",
}

COUNTS = {  # display names of the counts in a data report
    "train_images": "training images",
    "test_images": "test images",
    "rows": "rows",
    "complete_rows": "rows without missing values",
    "malignant_fraction_of_complete": "malignant fraction of the rows without missing values",
    "train_reviews": "training reviews",
    "test_reviews": "test reviews",
    "train_positive": "positive training reviews",
    "test_positive": "positive test reviews",
    "values": "values",
    "distinct": "distinct characters",
    "distinct_characters": "distinct characters",
}


def describe_dataset(dataset: str) -> DatasetText:
    """Return the display name and credit of a dataset; its id if it has none."""
    return DATASETS.get(dataset, DatasetText(dataset.replace("_", " ").capitalize()))


def describe_times(records: Sequence[Mapping[str, Any]]) -> str:
    """Compare the fastest model with the best one.

    Args:
        records: Records of model, seconds and error, the fastest first.
    """
    fastest, best = records[0], min(records, key=lambda record: record["error"])
    if fastest is best:
        return f"{best['model']} is both the fastest and the best."
    times = best["seconds"] / fastest["seconds"]
    return (
        f"{best['model']} takes {times:.0f} times as long as {fastest['model']} and makes "
        f"{best['error'] / fastest['error']:.0%} of its errors."
    )


def dataset_captions(module: str) -> dict[str, Caption]:
    """Return the captions of the figures that a module of stages/datasets draws."""
    return IMAGE_FOLDER_FIGURES if module == "image_folder" else DATASET_FIGURES


def describe_figure(figure: str) -> Caption:
    """Return a caption for a figure that has none: its name."""
    return Caption(figure.replace("_", " ").capitalize())


def describe_metric(metric: str) -> str:
    """Return the display name of a metric; its key if it has none."""
    return METRICS.get(
        metric, metric.replace("val_", "validation ").replace(".", " ").replace("_", " ")
    )


def describe_count(count: str) -> str:
    """Return the display name of a count in a data report."""
    return COUNTS.get(count, count.replace("_", " "))
