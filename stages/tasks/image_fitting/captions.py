"""Captions of the figures of a network that fits one image."""

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: PSNR by training step",
        "Once the test curve falls below the training curve, the network overfits individual "
        "pixels.",
    ),
    "comparison": Caption(
        "Original, network output, absolute error",
        "Errors are largest at edges and fine details, which need high frequencies.",
    ),
    "training_outputs": Caption(
        "Network output during training",
        "Low frequencies are learned first, edges later (spectral bias).",
    ),
    "training": Caption(
        "Network output during training",
        "Low frequencies are learned first, edges later (spectral bias).",
    ),
}


def summarize(train: float, test: float) -> str:
    """Return the PSNR of both splits, in dB."""
    return f"PSNR {train:.1f} dB on training pixels, {test:.1f} dB on test pixels."
