from pathlib import Path

import pytest

from tests import reduced


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose reduced pipeline has run, and which is committed."""
    folder = tmp_path_factory.mktemp("project")
    reduced.copy_project(folder)
    reduced.dvc(folder, "repro")
    reduced.commit(folder, "results")
    return folder
