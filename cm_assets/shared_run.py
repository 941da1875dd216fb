"""Which imports have fallen out of the run that is under way in this process.

A run is one process and a process has one run at a time (docs/adr/0012), so this is state of the process. It lasts as
long as the run: what became of an import is on record in `import_metadata`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Range = TypeVar("Range", bound=Hashable)


@dataclass
class _Run:
    run_id: str | None = None
    taken: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    ranges: dict[Hashable, Sequence[str]] = field(default_factory=dict)


_run = _Run()


def enter(run_id: str | None) -> None:
    """From here on the state is that of this run; what was of another is forgotten."""
    global _run
    if _run.run_id != run_id:
        _run = _Run(run_id)


def took(import_ids: Iterable[str]) -> None:
    """The run works on these imports."""
    _run.taken.update(import_ids)


def fail(import_id: str, reason: str) -> None:
    """The import failed in a step; the steps that follow pass it over."""
    _run.failed.setdefault(import_id, reason)


def leave(import_id: str) -> None:
    """The import is none of the run's: another process's, or of another kind. That is no failure."""
    _run.left.add(import_id)


def fallen() -> set[str]:
    """All that the steps that follow pass over."""
    return _run.left | _run.failed.keys()


def failed() -> Mapping[str, str]:
    """Reasons by import."""
    return dict(_run.failed)


def size() -> int:
    """How many imports the run was over, those left to others not counted."""
    return len(_run.taken - _run.left)


def remembered(wanted: Range, read: Callable[[Range], Sequence[str]]) -> Sequence[str]:
    """`read(wanted)`, once a run: Dagster asks for each event of each import, and partitions are only ever added."""
    if _run.run_id is None:
        return read(wanted)
    if wanted not in _run.ranges:
        _run.ranges[wanted] = read(wanted)
    return _run.ranges[wanted]
