"""Pure functions over Arrow tables on several cores: Python holds one core per process, columns of a file need two.

Only for functions that can be imported by name and work on what they are given.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait

import pyarrow as pa

Function = Callable[[pa.Table], pa.Table]
#: `(function, tables) -> answers`, in the order of the tables.
Map = Callable[[Function, Iterable[pa.Table]], Iterator[pa.Table]]

#: Tables under way at once per worker: enough to keep it busy, few enough to keep memory flat.
_AHEAD = 2


def in_process(function: Function, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same as a pool of workers, in this process: for work too small to start one."""
    return map(function, tables)


@contextmanager
def workers(count: int) -> Iterator[Map]:
    """A map over `count` processes. They end with the block, and by themselves if this process is killed."""
    if count < 2:
        yield in_process
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent) as pool:

        def over_pool(function: Function, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
            under_way: deque[Future[pa.Table]] = deque()
            for table in tables:
                under_way.append(pool.submit(function, table))
                if len(under_way) >= count * _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()

        try:
            yield over_pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """Watch the parent process from a thread; a worker without one would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
