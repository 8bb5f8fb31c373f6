"""Run jobs with Ray: on the cores of this machine, or on all nodes of a cluster."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from stages.cluster import LOCAL, connect
from stages.search.jobs import Data, Job, Outcome
from stages.search.objective import evaluate

ATTEMPTS_AFTER_CRASH = 5  # of a job whose process or node died
PACKAGE = Path(__file__).parents[1]


def run_job(job: Job, data: Data) -> Outcome:
    """Run a job on a node of Ray."""
    import ray

    outcome = evaluate(job, data)
    return outcome._replace(node=ray.get_runtime_context().get_node_id())


class Cluster:
    """Ray, started with the first job.

    Processes of Ray are kept from job to job, so that each imports TensorFlow once.

    Args:
        address: Address of a cluster, or LOCAL.
        data: The dataset, sent to each node once.
    """

    def __init__(self, address: str, data: Data) -> None:
        self.address, self.data = address, data
        self.remote: Any = None

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        if self.remote is not None:
            import ray

            ray.shutdown()

    def start(self) -> None:
        """Start Ray, or connect to the cluster.

        Raises:
            UserError: If there is no cluster at the address.
        """
        options: dict[str, Any] = {"log_to_driver": False}
        if self.address != LOCAL:  # its nodes may be other machines, or have other code
            options["runtime_env"] = {"py_modules": [str(PACKAGE)]}
        ray = connect(self.address, **options)
        self.stored = ray.put(self.data)
        # One core each, although training uses two threads: more trials at a time are faster than
        # more threads, which the small networks do not keep busy.
        self.remote = ray.remote(
            num_cpus=1, max_retries=ATTEMPTS_AFTER_CRASH, scheduling_strategy="SPREAD"
        )(run_job)

    def submit(self, job: Job) -> Any:
        """Start a job; returns its handle."""
        if self.remote is None:
            self.start()
        return self.remote.remote(job, self.stored)

    def wait(self, handles: Collection[Any]) -> tuple[Any, Outcome]:
        """Wait for any job; returns its handle and outcome."""
        import ray

        (handle, *_), _ = ray.wait(list(handles), num_returns=1)
        try:
            return handle, ray.get(handle)
        except ray.exceptions.RayTaskError:
            raise  # a bug, with its traceback
        except ray.exceptions.RayError as error:
            return handle, Outcome("failed", reason=type(error).__name__)
