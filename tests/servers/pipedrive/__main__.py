"""Run the server: `python -m tests.servers.pipedrive --port 0 --port-file F [settings]`. It prints its URL."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from pathlib import Path

import uvicorn

from tests.servers.pipedrive.app import build
from tests.servers.pipedrive.config import parse


def main() -> None:
    """Listen on a port of this machine only, say which, and serve until stopped."""
    config, given = parse()
    # 100 000 persons are many objects: looked through seldom.
    gc.set_threshold(50_000, 50, 100)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", given.port))
    listener.listen(512)
    port = listener.getsockname()[1]
    if given.port_file:
        unfinished = Path(f"{given.port_file}.new")
        unfinished.write_text(str(port))
        unfinished.rename(given.port_file)
    print(f"http://127.0.0.1:{port}", flush=True)
    if given.until_pid:
        threading.Thread(target=_end_with, args=(given.until_pid,), daemon=True).start()
    settings = uvicorn.Config(
        build(config),
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the gate gives it, by the server's own clock
        lifespan="off",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(settings).run(sockets=[listener])


def _end_with(pid: int) -> None:
    """End when the process that wanted the server is gone, however it ended."""
    while True:
        time.sleep(1)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            os._exit(0)


if __name__ == "__main__":
    main()
