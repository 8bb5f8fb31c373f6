"""Check params.yaml and sweeps.yaml: python -m stages.config."""

from stages.config.load import load_params
from stages.config.sweeps import SWEEPS, load_sweeps
from stages.core.cli import exit_on_error
from stages.core.paths import PARAMS


def main() -> None:
    """Print a summary of params.yaml, or exit with its errors or those of sweeps.yaml."""
    params = load_params()
    if SWEEPS.exists():
        load_sweeps(params)
    print(f"{PARAMS}: {len(params.datasets)} datasets, {len(params.models)} models: valid")


if __name__ == "__main__":
    exit_on_error(main)
