"""How far back recurrent networks remember, in sentences."""

from collections.abc import Mapping, Sequence

import numpy as np

from stages.studies.findings import Summary, conclude, join

RECALLED = 0.9  # accuracy from which a symbol counts as recalled
VANISHED = 0.01  # gradient, as a fraction of that without any distance, that counts as vanished

ByCell = Mapping[str, np.ndarray]  # cell -> values [seeds, distances]


def find_reach(accuracies: np.ndarray, distances: Sequence[int]) -> int | None:
    """Return the largest distance up to which all seeds recall the symbol; None if there is none.

    Args:
        accuracies: Accuracies [seeds, distances].
        distances: Distances, ascending.
    """
    recalled = np.all(accuracies >= RECALLED, axis=0).tolist()
    number = recalled.index(False) if False in recalled else len(recalled)
    return distances[number - 1] if number else None


def describe_recall(accuracies: ByCell, distances: Sequence[int], compared: int) -> str:
    """Return sentences on which cell recalls best, and how far each one reaches.

    Args:
        accuracies: Accuracies by cell.
        distances: Distances, ascending.
        compared: The distance at which cells are compared.
    """
    column = list(distances).index(compared)
    summaries = [
        Summary(cell, values[:, column].tolist(), 0) for cell, values in accuracies.items()
    ]
    best = conclude(summaries, maximize=True, percent=True, reference="simple_rnn")
    reaches = {cell: find_reach(values, distances) for cell, values in accuracies.items()}
    described = [
        f"{cell} over up to {reach} steps" if reach is not None else f"{cell} over none"
        for cell, reach in reaches.items()
    ]
    return (
        f"After {compared} steps, {best} With all seeds, at least {RECALLED:.0%} of the symbols "
        f"are recalled: {join(described)} (of {distances[-1]} at most)."
    )


def relative(norms: np.ndarray) -> np.ndarray:
    """Return gradients [seeds, distances] as fractions of those of the first distance."""
    fractions: np.ndarray = norms / norms[:, :1]
    return fractions


def describe_gradients(norms: ByCell, distances: Sequence[int], condition: str) -> str:
    """Return a sentence on how much of the gradient is left at the largest distance.

    Args:
        norms: Norms of gradients by cell.
        distances: Distances, ascending; the first one is the reference.
        condition: When the gradients were measured.
    """
    left = {cell: float(np.median(relative(values)[:, -1])) for cell, values in norms.items()}
    values = join([f"{value:.2g} with {cell}" for cell, value in left.items()])
    vanished = [cell for cell, value in left.items() if value < VANISHED]
    if len(vanished) == len(left):
        verdict = "it vanishes with all of them"
    elif vanished:
        verdict = f"it vanishes with {join(vanished)}"
    else:
        verdict = "it vanishes with none of them"
    return (
        f"{condition}, the gradient that reaches a symbol {distances[-1]} steps back is, as a "
        f"fraction of that at the last step, {values} (median over seeds): {verdict}."
    )
