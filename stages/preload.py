"""Start stages by forking a process that has already imported TensorFlow and DVC (Linux only).

Importing them takes longer than most small stages compute. `stages.parallel` starts this server and
puts its socket in $STAGES_SERVER; bin/python, with which it starts DVC and DVC starts each stage,
then sends its command here (bin/request.py). Forking is safe because TensorFlow starts no thread
before its first operation. The schema of params.yaml and the parsed files of DVC are shared as
well: as Python does with its compiled files, a fork loads the code of the project again when the
size or the time of a file has changed.
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from stages.core.cli import ENVIRONMENT
from stages.core.paths import PARAMS

ADDRESS = "STAGES_SERVER"  # environment variable
MAX_REQUEST = 1 << 20  # bytes
CHECK_SECONDS = 3.0  # between checks whether the run was killed
IMPORTS = (
    "tensorflow", "keras", "matplotlib.pyplot", "matplotlib.backends.backend_agg", "pandas",
    "scipy.stats", "sklearn.metrics", "sklearn.model_selection", "tqdm",
    "configobj", "dulwich.ignore", "dulwich.index", "dulwich.worktree", "dvc.cachemgr",
    "dvc.cli.parser", "dvc.commands.repro", "dvc.data_cloud", "dvc.dirs", "dvc.lock",
    "dvc.repo.artifacts", "dvc.repo.datasets", "dvc.repo.metrics", "dvc.repo.open_repo",
    "dvc.repo.params", "dvc.repo.plots", "dvc.repo.stage", "dvc.rwlock", "dvc.stage.cache",
    "dvc.utils.strictyaml", "dvc_data.hashfile.db.local", "dvc_data.hashfile.status",
    "ruamel.yaml", "stages.config.load", "stages.dvc_patches",
)  # fmt: skip
PARSED = (Path("dvc.yaml"), PARAMS)


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
            [sys.executable, "-m", "stages.preload", str(listening.fileno()), str(os.getpid())],
            env=ENVIRONMENT | os.environ,
            pass_fds=[listening.fileno()],
        )
        try:
            yield {ADDRESS: address}
        finally:
            server.kill()
            server.wait()


def serve(listening: socket.socket, parent: int) -> None:
    """Answer requests until killed, or until the process `parent` has ended."""
    import_quietly(IMPORTS)
    parse_with_dvc(PARSED)
    loaded = code_states()
    gc.freeze()  # the garbage collector would copy shared memory
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the stages receive it as well
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended processes are not waited for
    listening.settimeout(CHECK_SECONDS)
    while True:
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            if os.getppid() != parent:
                return
            continue
        if os.fork() == 0:
            break
        connection.close()
    listening.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    answer(connection, loaded)
    os._exit(0)  # freeing each object takes 0.4 s with TensorFlow


def import_quietly(names: Iterable[str]) -> None:
    """Import modules, and print what they write to the standard error only if that fails.

    TensorFlow writes that it is built for this processor and finds no GPU, at any log level.
    """
    with tempfile.TemporaryFile() as messages:
        terminal = os.dup(sys.stderr.fileno())
        os.dup2(messages.fileno(), sys.stderr.fileno())
        try:
            for name in names:
                importlib.import_module(name)
        except BaseException:
            messages.seek(0)
            os.write(terminal, messages.read())
            raise
        finally:
            os.dup2(terminal, sys.stderr.fileno())
            os.close(terminal)


def parse_with_dvc(paths: Iterable[Path]) -> None:
    """Let DVC parse YAML files, for all forks that find them unchanged; it reports errors later."""
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import load_yaml

    from stages.dvc_patches import patch_dvc

    patch_dvc()
    for path in paths:
        with suppress(DvcException, OSError):
            load_yaml(path)


def code_states() -> dict[str, tuple[int, int] | None]:
    """Return time in ns and size in bytes of the file of each loaded module of the project.

    The value is None if the file does not exist.
    """
    states: dict[str, tuple[int, int] | None] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "stages":
            path = Path(str(module.__file__))
            found = path.stat() if path.exists() else None
            states[name] = found and (found.st_mtime_ns, found.st_size)
    return states


def answer(connection: socket.socket, loaded: Mapping[str, Any]) -> None:
    """Run the command of a request in a child process and send its exit status, one byte."""
    request, files, _, _ = socket.recv_fds(connection, MAX_REQUEST, 3)
    pid = os.fork()
    if pid == 0:
        connection.close()
        exit_at_once(lambda: run(loaded, files, **json.loads(request)))
    _, status = os.waitpid(pid, 0)
    connection.sendall(bytes([os.waitstatus_to_exitcode(status) % 256]))


def exit_at_once(function: Callable[[], None]) -> NoReturn:
    """Call a function and exit like Python, without freeing each object."""
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


def run(
    loaded: Mapping[str, Any],
    files: Sequence[int],
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
) -> None:
    """Run a module like `python -m module ...`.

    Args:
        loaded: States of the modules of the project when they were loaded.
        files: File descriptors of standard input, output and error.
        arguments: -m, the name of the module, and its arguments.
        folder: Working directory.
        environment: Environment variables.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    if folder != str(Path.cwd()) or code_states() != loaded:
        for name in loaded:
            del sys.modules[name]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    _, module, *rest = arguments
    sys.path[0], sys.argv[1:] = folder, rest
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
