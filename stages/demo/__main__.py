"""Use the trained models on a local page: `python -m stages.demo`; see docs/demo.md."""

import argparse
import importlib.util
import ipaddress
import logging
import os
import signal
import sys
import tempfile
import threading
from contextlib import suppress

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.errors import ConfigError
from stages.inference.console import quiet

HOST, PORT = "127.0.0.1", 7860


def main() -> None:
    """Serve the page until it is interrupted."""
    options = parse_arguments()
    if importlib.util.find_spec("gradio") is None:
        raise ConfigError("Gradio is not installed: `make demo` installs it")
    configs = load_params().models
    signal.signal(signal.SIGINT, signal.default_int_handler)  # so that uploads are deleted
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with tempfile.TemporaryDirectory() as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        with quiet():
            from stages.demo.models import Models
            from stages.demo.page import build, launch

        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # each drawing builds a network
        page = build(Models(configs))
        url = launch(page, options.host, options.port)
        print(f"{url} (Ctrl+C ends it)", flush=True)
        if not is_loopback(options.host):
            print("note: other machines can reach this page, without a password", file=sys.stderr)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    os._exit(0)  # otherwise the server waits for open pages


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=HOST, help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="port (%(default)s)")
    return parser.parse_args()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    exit_on_error(main)
