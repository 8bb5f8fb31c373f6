"""Push the results of stages to the default remote: `python -m stages.distribution.push`.

`dvc push --run-cache` leaves out the outputs that are not cached, such as metrics, without which
another clone cannot restore the stage. It also pushes runs before their outputs: a worker that is
lost in between would leave a run that no other one can restore.
"""

from pathlib import Path

from dvc.repo import Repo


def main() -> None:
    """Push all outputs of the runs in the run-cache, and then the run-cache."""
    with Repo() as repo, repo.lock:
        files = (Path(repo.cache.legacy.path) / "runs").rglob("*")
        runs = [(path.parent.name, path.name) for path in files if path.is_file()]
        for objects in repo.stage_cache.get_used_objs(runs).values():
            repo.cloud.push(objects)
        repo.stage_cache.push(None)


if __name__ == "__main__":
    main()
