import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import reduced


class Project(NamedTuple):
    """A committed project whose reduced pipeline has run."""

    folder: Path
    printed: str  # by the pipeline


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    reduced.copy_project(folder)
    printed = reduced.run_pipeline(folder, stdout=subprocess.PIPE)
    reduced.commit(folder, "results")
    return Project(folder, printed)


@pytest.fixture(scope="session")
def project(ran: Project) -> Path:
    return ran.folder
