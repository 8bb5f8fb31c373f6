"""Check params.yaml: python -m stages.config."""

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.paths import PARAMS


def main() -> None:
    """Print a summary of params.yaml, or exit with its errors."""
    params = load_params()
    print(f"{PARAMS}: {len(params.datasets)} datasets, {len(params.models)} models: valid")


if __name__ == "__main__":
    exit_on_error(main)
