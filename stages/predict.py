"""Use a trained model: `python -m stages.predict MODEL INPUT...`.

MODEL is a name in models/ or a folder with model.keras, spec.json and calibration.json. INPUT is,
by model: image files or folders of them; texts or .txt files; CSV files with a header; prompts;
words; numbers. Models that generate images take no input. docs/predict.md has examples.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.core.cli import exit_on_error
from stages.core.errors import DataError, ModelError, UserError
from stages.core.files import read_json
from stages.core.paths import MODELS
from stages.inference.console import quiet

if TYPE_CHECKING:
    from stages.inference.bundle import Bundle
    from stages.inference.examples import Example

NO_MODEL = "none"  # placeholder in models/
BATCH = 256  # examples that are classified together
MANY = 100  # inputs from which on a progress bar is shown
COLUMNS = 10  # images per row of a sheet
CLASSIFICATION = ("classification", "toy_classification")
EXPLAINED = ("image", "text", "table")  # types of inputs
WITHOUT_INPUT = ("autoencoding", "conditional_generation", "drawing", "image_generation",
                 "toy_generation")  # fmt: skip


def main() -> None:
    """Answer all inputs that can be answered; the status is 1 if one could not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    options = parser.parse_intermixed_args()
    folder = find_folder(options.model)
    spec = read_spec(folder)
    check(options, spec)
    failed = answer(options, folder, spec)
    if failed:
        sys.exit(1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command line."""
    parser.add_argument("model", metavar="MODEL", help="name in models/, or folder of a model")
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help="file, folder, text or numbers")
    parser.add_argument("--json", action="store_true", help="print one JSON object per answer")
    parser.add_argument("--output", type=Path, metavar="PNG", help="write images to this sheet")
    parser.add_argument("--explain", type=Path, metavar="HTML", help="write why it answers so")
    parser.add_argument("--count", type=int, default=10, help="samples, or words (%(default)s)")
    parser.add_argument("--class", dest="wanted", help="class of the samples (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of samples (%(default)s)")
    parser.add_argument("--length", type=int, default=300, help="characters (%(default)s)")
    parser.add_argument("--temperature", type=float, default=0.5, help="of text (%(default)s)")


def find_folder(name: str) -> Path:
    """Return the folder of a model.

    Raises:
        ModelError: If there is none.
    """
    for folder in (MODELS / name, Path(name)):
        if (folder / "spec.json").is_file() and name:
            return folder
    found = MODELS.glob("*/spec.json")
    trained = sorted(path.parent.name for path in found if path.parent.name != NO_MODEL)
    known = f"expected a folder or one of {', '.join(trained)}" if trained else "train it first"
    raise ModelError(f"{name}: no trained model; {known}")


def read_spec(folder: Path) -> dict[str, Any]:
    """Read spec.json, before Keras is imported, which takes seconds.

    Raises:
        ModelError: If it is damaged.
    """
    path = folder / "spec.json"
    try:
        spec: dict[str, Any] = read_json(path)
        spec["task"], spec["classes"], spec["input"]["type"]
    except (DataError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not the description of a model: {error}") from None
    return spec


def check(options: argparse.Namespace, spec: Mapping[str, Any]) -> None:
    """Check that the inputs and options fit the task.

    Raises:
        ModelError: If they do not.
    """
    task = spec["task"]
    if not options.inputs and task not in WITHOUT_INPUT:
        raise ModelError(f"no INPUT; {options.model} expects {describe_input(spec)}")
    if options.inputs and task in WITHOUT_INPUT and task != "autoencoding":
        raise ModelError(f"{options.model} generates and takes no INPUT; see --count and --class")
    shows = task in {"restoration", "reconstruction"} or task in WITHOUT_INPUT
    if shows and task != "toy_generation" and options.output is None:
        raise ModelError(f"{options.model} answers with images: name a file, --output sheet.png")
    if options.wanted is not None and task != "conditional_generation":
        raise ModelError(f"--class: {options.model} cannot choose a class")
    if options.explain is not None and (
        task != "classification" or spec["input"]["type"] not in EXPLAINED
    ):
        raise ModelError(f"--explain: expected a classifier of {', '.join(EXPLAINED)}")


def describe_input(spec: Mapping[str, Any]) -> str:
    """Describe what a model takes as INPUT."""
    if spec["task"] == "word_vectors":
        return "words"
    if spec["task"] == "language_modeling":
        return "prompts"
    return {
        "image": "image files, or folders of them",
        "text": "texts, or .txt files",
        "character_sequence": "texts, or .txt files",
        "table": "CSV files with a header",
        "points": 'points such as "0.5,-1"',
        "pixel_coordinates": 'pixels such as "20,35": row and column',
        "time_series": "text files of numbers",
    }.get(spec["input"]["type"], "examples")


def answer(options: argparse.Namespace, folder: Path, spec: Mapping[str, Any]) -> bool:
    """Load the model and print its answers; returns whether an input could not be answered."""
    # Explanations and generators build many small models, and TensorFlow warns of tracing each.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with quiet():
        from stages.inference.bundle import load_bundle

        bundle = load_bundle(folder)
    if spec["task"] in CLASSIFICATION:
        return classify(options, folder, bundle)
    if not options.inputs:
        return generate(options, bundle)
    return answer_each(options, bundle)


def classify(options: argparse.Namespace, folder: Path, bundle: "Bundle") -> bool:
    """Classify the inputs in batches, so that memory does not grow with their number."""
    from stages.inference import tables
    from stages.inference.classify import classify_all, load_calibration
    from stages.inference.digits import SIDE

    calibration = load_calibration(folder)
    if calibration is None and bundle.spec["task"] == "classification":
        print("note: no calibration.json: probabilities as the model outputs them", file=sys.stderr)
    reports = Reports()
    first: list[Example] = []
    if not options.json:
        found = list(bundle.spec["input"].get("shape", [])) == [SIDE, SIDE]
        print(tables.header(bundle.spec["classes"], boxes=found))
    show = tables.as_json if options.json else tables.row
    examples = reports.without_errors(read_all(options.inputs, bundle.spec))
    while batch := list(islice(examples, BATCH)):
        import numpy as np

        answers = classify_all(bundle, np.stack([each.x for each in batch]), calibration)
        for example, answered in zip(batch, answers, strict=True):
            print(show(example, answered), flush=len(batch) < BATCH)
        first = first or batch
    if options.explain is not None and first:
        try:
            write_explanation(options.explain, bundle, first)
        except UserError as error:
            reports.add(error)
    return reports.failed


def write_explanation(path: Path, bundle: "Bundle", examples: "Sequence[Example]") -> None:
    """Write why the classifier answers as it does for the first examples, as an HTML file.

    Raises:
        UserError: If it cannot be explained, or the file cannot be written.
    """
    from stages.core.files import atomic_output
    from stages.inference.explanation import MAX_EXAMPLES, explain_examples

    content = explain_examples(bundle, examples[:MAX_EXAMPLES])
    try:
        with atomic_output(path) as partial:
            partial.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path}: cannot be written: {error.strerror or error}") from None
    print(f"{path}: why, for {min(len(examples), MAX_EXAMPLES)} of them", file=sys.stderr)


class Reports:
    """Errors of inputs, printed one per line.

    Attributes:
        failed: Whether there was one.
    """

    def __init__(self) -> None:
        self.failed = False

    def without_errors(self, examples: "Iterable[Example | UserError]") -> "Iterator[Example]":
        """Yield the examples; print the errors among them."""
        for example in examples:
            if isinstance(example, UserError):
                self.add(example)
            else:
                yield example

    def add(self, error: UserError) -> None:
        """Print an error."""
        from tqdm import tqdm

        self.failed = True
        line = " ".join(str(error).split())
        tqdm.write(f"error: {line}", file=sys.stderr)


def read_all(arguments: Sequence[str], spec: Mapping[str, Any]) -> "Iterator[Example | UserError]":
    """Read the examples of all arguments, with a progress bar if there are many."""
    from tqdm import tqdm

    from stages.inference.examples import read_examples

    examples = (example for each in arguments for example in read_examples(each, spec))
    many = len(arguments) >= MANY or any(map(is_large, arguments))
    yield from tqdm(examples, unit=" examples", mininterval=0.5, file=sys.stderr, disable=not many)


def is_large(argument: str) -> bool:
    """Whether an argument is a folder of many files, or a file of many rows."""
    path = Path(argument[:1000])
    try:
        if path.is_dir():
            return len(list(islice(path.iterdir(), MANY))) == MANY
        return path.suffix == ".csv" and path.stat().st_size > MANY * 200
    except (OSError, ValueError):
        return False


def generate(options: argparse.Namespace, bundle: "Bundle") -> bool:
    """Generate samples; images are written to a sheet."""
    from stages.inference.predict import predict
    from stages.inference.samples import sample_images, write_sheet

    if bundle.spec["task"] == "toy_generation":
        points = predict(bundle, {"count": options.count, "seed": options.seed})["points"]
        for point in points:
            shown = (
                json.dumps(point) if options.json else " ".join(f"{value:8.4f}" for value in point)
            )
            print(shown)
        return False
    began = time.perf_counter()
    images = sample_images(bundle, options.count, options.seed, options.wanted)
    seconds = time.perf_counter() - began
    write_sheet(options.output, list(images), min(COLUMNS, options.count))
    values = {"output": str(options.output), "images": len(images), "class": options.wanted}
    of_class = f" of class {options.wanted}" if options.wanted else ""
    text = f"{options.output}: {len(images)} images{of_class}, generated in {seconds:.1f} s"
    print(json.dumps(values) if options.json else text)
    return False


def answer_each(options: argparse.Namespace, bundle: "Bundle") -> bool:
    """Answer the inputs of all other tasks one by one."""
    from stages.inference.requests import answer_input, as_lines
    from stages.inference.samples import write_sheet

    reports, images = Reports(), []
    for each in options.inputs:
        try:
            for name, answered, shown in answer_input(each, bundle, vars(options)):
                images += shown
                print(
                    json.dumps({"input": name, **answered}, ensure_ascii=False)
                    if options.json
                    else as_lines(name, answered, bundle.spec["task"]),
                    flush=True,
                )
        except UserError as error:
            reports.add(error)
    if images and options.output is not None:
        write_sheet(options.output, images, 2)
        print(f"{options.output}: each input and what the model makes of it", file=sys.stderr)
    return reports.failed


if __name__ == "__main__":
    exit_on_error(main)
