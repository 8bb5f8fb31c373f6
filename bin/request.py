"""Run `python ARGUMENTS` on the server of stages/preload.py; see there."""

import json
import os
import socket
import sys
from pathlib import Path

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
    connection.connect(os.environ["STAGES_SERVER"])
    environment = dict(os.environ)
    request = {"arguments": sys.argv[1:], "folder": str(Path.cwd()), "environment": environment}
    socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
    status = connection.recv(1)
sys.exit(status[0] if status else "error: the server of stages/preload.py has ended")
