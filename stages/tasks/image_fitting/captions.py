"""Captions of the figures of a network that fits one image."""

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: PSNR by training step",
        "Once the test curve falls behind the training curve, the network learns single pixels.",
    ),
    "comparison": Caption(
        "Original, network output, absolute error",
        "Errors gather at edges and fine structure, which need high frequencies.",
    ),
    "training_outputs": Caption(
        "Network output during training",
        "Slow changes of color are learned first, edges later.",
    ),
    "training": Caption(
        "Network output during training",
        "Slow changes of color are learned first, edges later.",
    ),
}


def conclude(train: float, test: float) -> str:
    """PSNR of both splits, in dB."""
    return f"PSNR {train:.1f} dB of training pixels, {test:.1f} dB of held-out test pixels."
