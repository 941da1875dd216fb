"""Linkage of the base that a CM_HOME has: seconds of each step, and peak memory.

Run: python -m bench.relink CM_HOME [--full] [--memory 8GB]. From canonical tables and staged rows to links, golden
records and households in MySQL; without the marts, which come after it.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

from cm_core import linkage
from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer
from cm_core.store.migrations import upgrade


def run(home: Path, *, full: bool, memory: str) -> None:
    """Print one line per step, and one for the whole run."""
    settings = Settings(home=home, compute_memory_limit=memory)
    database = Database(PrivateServer(settings.home_dir).ensure_running().writer)
    upgrade(database)
    steps: list[tuple[str, float]] = []
    started = time.perf_counter()
    result = linkage.run(settings, database, full=full, progress=lambda step: steps.append((step, time.perf_counter())))
    ended = time.perf_counter()
    for (step, begun), after in zip(steps, [*(at for _, at in steps[1:]), ended], strict=True):
        print(f"  {step}: {after - begun:.1f} s", flush=True)
    persons = sum(size * count for size, count in result.cluster_sizes.items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"linkage{' in full' if full else ''}: {persons:,} persons, {result.looked_at:,} looked at, "
        f"{result.duplicates:,} duplicates, {result.linked:,} new links, {result.unlinked:,} gone: "
        f"{ended - started:.1f} s, peak memory {peak:,.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--memory", default="8GB")
    given = parser.parse_args()
    run(given.home, full=given.full, memory=given.memory)
