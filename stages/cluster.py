"""Ray: started on this machine, or connected to a cluster."""

import importlib
import logging
import os
import secrets
import socket
from typing import Any

from stages.core.errors import UserError

LOCAL = "local"  # a Ray of its own, even if another one runs on this machine
CONNECT_SECONDS = 10
OBJECT_STORE = 400_000_000  # bytes; the largest dataset takes 200 MB


def connect(address: str, *, cores: int | None = None, **options: Any) -> Any:
    """Start Ray, or connect to a cluster.

    Args:
        address: Address of a cluster, or LOCAL.
        cores: Cores of a Ray of its own; all by default.
        options: Other arguments of `ray.init`.

    Returns:
        The module `ray`.

    Raises:
        UserError: If Ray is not installed, or there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == LOCAL and "RAY_AUTH_MODE" not in os.environ:
        # A password for this run alone; otherwise Ray writes one to the home folder.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex()}
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError:
        raise UserError("ray not installed: run `make .venv/sweep`") from None
    if address == LOCAL:
        options |= {
            "include_dashboard": False, "object_store_memory": OBJECT_STORE, "num_cpus": cores
        }  # fmt: skip
    else:
        check_address(address)
    try:
        ray.init(address, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"no Ray cluster at {address}: {reason}") from None
    return ray


def check_address(address: str) -> None:
    """Check that something listens at an address, since Ray would wait for it without end.

    Args:
        address: host:port, ray://host:port, or a word that Ray understands, such as auto.

    Raises:
        UserError: If nothing listens there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"no Ray cluster at {address}: {error}") from None
