"""Push the results of stages to the default remote: `python -m stages.distribution.push`.

`dvc push --run-cache` leaves out the outputs that are not cached, such as metrics, without which
another clone cannot restore the stage.
"""

from dvc.repo import Repo


def main() -> None:
    """Push the run-cache, and all outputs of the runs in it."""
    with Repo() as repo, repo.lock:
        runs = repo.stage_cache.push(None)
        for objects in repo.stage_cache.get_used_objs(runs).values():
            repo.cloud.push(objects)


if __name__ == "__main__":
    main()
