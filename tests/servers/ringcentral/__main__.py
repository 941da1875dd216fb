"""`python -m tests.servers.ringcentral --port 0 --port-file F [--heavy 10 --window 60 ...]`, on loopback."""

from __future__ import annotations

import argparse
import os
import socket
import threading
import time
from pathlib import Path

import uvicorn

from tests.servers.ringcentral.app import make_app
from tests.servers.ringcentral.config import add_arguments, from_arguments


def main() -> None:
    """Serve until SIGTERM, or until the process that began it is gone."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.ringcentral", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--port-file", type=Path, help="where the port is written once it listens")
    add_arguments(parser)
    arguments = parser.parse_args()

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    listener.listen(128)
    port = listener.getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    if arguments.port_file:
        written = arguments.port_file.with_suffix(".part")
        written.write_text(str(port))
        written.replace(arguments.port_file)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    config = uvicorn.Config(
        make_app(from_arguments(arguments)), log_level="critical", access_log=False, lifespan="off",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])


def _end_with(parent: int) -> None:
    """A test that was killed leaves no server behind."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main()
