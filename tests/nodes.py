"""Two Ray nodes as processes of this machine, and waiting for what other processes do."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex()}  # of the two nodes
DEADLINE = 300  # seconds; only so that a hanging test ends


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """Wait until a condition is true, while a process runs."""
    end = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.1)
    return value


def free_port() -> int:
    """Return a port that nothing uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


class Node:
    """A Ray node with one core, as a process of this machine."""

    def __init__(self, *arguments: str, temporary: Path) -> None:
        self.process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("ray")), "start", "--block",
                "--node-ip-address=127.0.0.1", "--num-cpus=1",
                f"--object-store-memory={100 << 20}", "--disable-usage-stats",
                # Those of both nodes must differ; 0 is any free one.
                "--min-worker-port=0", "--max-worker-port=0",
                f"--dashboard-agent-listen-port={free_port()}",
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=temporary,  # not that of the project: its code must be sent
            env=os.environ | TOKEN,
        )  # fmt: skip

    def kill(self) -> None:
        """Kill all processes of the node at once, as a loss of power."""
        if self.process.poll() is not None:
            return
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            for process in [parent, *parent.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.communicate()


@contextmanager
def two_nodes(temporary: Path) -> Iterator[tuple[str, list[Node]]]:
    """Start two nodes; yields the address and the nodes."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    nodes = [Node("--head", f"--port={port}", "--include-dashboard=false", temporary=temporary)]
    try:
        wait_for(lambda: is_open(port), nodes[0].process)
        nodes.append(Node(f"--address={address}", temporary=temporary))
        yield address, nodes
    finally:
        for node in reversed(nodes):
            node.kill()


def is_open(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
