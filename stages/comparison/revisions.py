"""Files of a revision: a commit, with the cache of DVC, or the workspace."""

import subprocess
from pathlib import Path
from typing import Any

import yaml
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from yamlcore import CCoreLoader

from stages.core.errors import ConfigError, ModelError

WORKSPACE = "workspace"


class Revision:
    """Files of a revision of the project in the current folder.

    Attributes:
        name: Name of a commit, or WORKSPACE.
        files: File system of the commit; None for the workspace.
    """

    def __init__(self, name: str) -> None:
        """Open a revision.

        Raises:
            ConfigError: If there is no such commit.
        """
        self.name = name
        self.files = None
        if name != WORKSPACE:
            command = ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                raise ConfigError(f"{name}: expected a commit, branch or tag of this project")
            self.files = DVCFileSystem(rev=name)

    def read(self, path: str) -> bytes:
        """Return the content of a file.

        Raises:
            ModelError: If the revision has no such file, or it is not in the cache.
        """
        try:
            content = Path(path).read_bytes() if self.files is None else self.files.read_bytes(path)
        except (OSError, DvcException):
            raise ModelError(f"{path} of {self.name} is not in the cache") from None
        return bytes(content)

    def read_lock(self) -> dict[str, str]:
        """Return the MD5 of each output of the pipeline by path, from dvc.lock."""
        content: dict[str, Any] = yaml.load(self.read("dvc.lock"), Loader=CCoreLoader)
        stages = content["stages"].values()
        return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}
