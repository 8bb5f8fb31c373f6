"""Check params.yaml: python -m stages.config."""

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.paths import PARAMS


def main() -> None:
    """Print how much was checked, or end with the errors."""
    params = load_params()
    print(f"{PARAMS}: {len(params.datasets)} datasets, {len(params.models)} models: valid")


if __name__ == "__main__":
    exit_on_error(main)
