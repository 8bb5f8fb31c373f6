"""Start stages by forking a process that has already imported TensorFlow and DVC (Linux only).

Importing them takes longer than most small stages compute. `stages.parallel` starts this server and
puts its socket in $STAGES_SERVER; bin/python, with which it starts DVC and DVC starts each stage,
then sends its command here (bin/request.py). Forking is safe because TensorFlow starts no thread
before its first operation. Modules of the project are removed from the fork, so that each stage
loads its own code.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from stages.core.cli import ENVIRONMENT

ADDRESS = "STAGES_SERVER"  # environment variable
MAX_REQUEST = 1 << 20  # bytes
IMPORTS = (
    "tensorflow", "keras", "matplotlib.pyplot", "pandas", "pydantic", "scipy.stats",
    "sklearn.metrics", "sklearn.model_selection", "tqdm", "yamlcore",
    "dvc.cachemgr", "dvc.cli.parser", "dvc.data_cloud", "dvc.lock", "dvc.repo.artifacts",
    "dvc.repo.datasets", "dvc.repo.metrics", "dvc.repo.open_repo", "dvc.repo.params",
    "dvc.repo.plots", "dvc.repo.stage", "dvc.rwlock", "dvc.stage.cache", "dvc.utils.strictyaml",
    "dvc_data.hashfile.db.local", "dvc_data.hashfile.status",
)  # fmt: skip


@contextmanager
def preloaded() -> Iterator[dict[str, str]]:
    """Run the server; yields the environment variables with which stages find it."""
    if sys.platform != "linux":  # elsewhere, forking such a process may crash
        yield {}
        return
    with (
        tempfile.TemporaryDirectory(prefix="preload-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening,
    ):
        address = str(Path(folder) / "socket")
        listening.bind(address)
        listening.listen()
        server = subprocess.Popen(
            [sys.executable, "-m", "stages.preload", str(listening.fileno())],
            env=ENVIRONMENT | os.environ,
            pass_fds=[listening.fileno()],
        )
        try:
            yield {ADDRESS: address}
        finally:
            server.kill()
            server.wait()


def serve(listening: socket.socket) -> None:
    """Answer requests until killed."""
    for name in IMPORTS:
        importlib.import_module(name)
    gc.freeze()  # the garbage collector would copy shared memory
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the stages receive it as well
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended processes are not waited for
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            break
        connection.close()
    listening.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    answer(connection)


def answer(connection: socket.socket) -> None:
    """Run the command of a request in a child process and send its exit status, one byte."""
    request, files, _, _ = socket.recv_fds(connection, MAX_REQUEST, 3)
    pid = os.fork()
    if pid == 0:
        connection.close()
        exit_at_once(lambda: run(files=files, **json.loads(request)))
    _, status = os.waitpid(pid, 0)
    connection.sendall(bytes([os.waitstatus_to_exitcode(status) % 256]))


def exit_at_once(function: Callable[[], None]) -> NoReturn:
    """Call a function and exit like Python, without freeing each object: 0.4 s with TensorFlow."""
    try:
        function()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if status and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def run(files: list[int], arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Run a module like `python -m module ...`.

    Args:
        files: File descriptors of standard input, output and error.
        arguments: -m, the name of the module, and its arguments.
        folder: Working directory.
        environment: Environment variables.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for name in [name for name in sys.modules if name.partition(".")[0] == "stages"]:
        del sys.modules[name]
    _, module, *rest = arguments
    sys.path[0], sys.argv[1:] = folder, rest
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
