"""What a check is found to be from its evaluations, and the report of all of them. Pure: nothing is read here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

from cm_core.quality.imports import ImportDay

#: Evaluations of a check that its trend shows at most.
TREND = 30


class State(StrEnum):
    """What a check is found to be, worst first."""

    failed = "failed"
    did_not_run = "did not run"
    warned = "warned"
    never_ran = "never ran"
    passed = "passed"


_ORDER = {state: place for place, state in enumerate(State)}


@dataclass(frozen=True)
class Evaluation:
    """What a check said once. `at` is naive UTC; `partition` the import, or the first and last of those, it was about.

    `failing_rows` and `samples` (rows by column) are None and empty where the check does not give them.
    """

    at: datetime
    passed: bool
    partition: str | None = None
    severity: str = "ERROR"
    description: str | None = None
    failing_rows: int | None = None
    samples: tuple[Mapping[str, str], ...] = ()

    @property
    def columns(self) -> list[str]:
        """Columns of the samples, in order of appearance."""
        return list(dict.fromkeys(column for row in self.samples for column in row))


@dataclass(frozen=True)
class Planned:
    """A run that was to evaluate a check and ended without: `at` is naive UTC."""

    at: datetime
    run_id: str


@dataclass(frozen=True)
class Day:
    """Evaluations of a check on one day (UTC)."""

    day: date
    passed: int
    failed: int


@dataclass(frozen=True)
class Check:
    """A check with its state, what speaks against it, and its trend, oldest first.

    `failures`: evaluations that nothing has settled since, newest first. `latest` is None where it never ran.
    """

    asset: str
    name: str
    description: str | None
    group: str
    layer: str | None
    severity: str
    latest: Evaluation | None
    failures: tuple[Evaluation, ...] = ()
    did_not_run: Planned | None = None
    trend: tuple[bool, ...] = ()
    days: tuple[Day, ...] = ()

    @property
    def state(self) -> State:
        """Warnings fail as warnings; a run that ended before the check could say anything is worse than that."""
        if any(failure.severity == "ERROR" for failure in self.failures):
            return State.failed
        if self.did_not_run:
            return State.did_not_run
        if self.failures:
            return State.warned
        return State.passed if self.latest else State.never_ran

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to do something: it fails with severity ERROR, or nobody knows."""
        return self.state in (State.failed, State.did_not_run)

    @property
    def section(self) -> str:
        """Where it stands in the report: the group of its asset, and the layer where there are several."""
        return f"{self.group}, {self.layer}" if self.layer and self.layer != self.group else self.group

    @property
    def failing_rows(self) -> int | None:
        """Rows that break it, in all failures; None where no failure says so."""
        counts = [failure.failing_rows for failure in self.failures if failure.failing_rows is not None]
        return sum(counts) if counts else None


@dataclass(frozen=True)
class Section:
    """The checks of one group and layer, failures first."""

    name: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Report:
    """All checks as of `at` (naive UTC). Of imports, those count whose run was in the last `days` days.

    `imports` is None where the mart that says it is not built yet.
    """

    at: datetime
    days: int
    checks: tuple[Check, ...]
    imports: tuple[ImportDay, ...] | None

    @property
    def is_good(self) -> bool:
        """Whether no check fails with severity ERROR, and none was kept from running."""
        return not any(check.is_bad for check in self.checks)

    @property
    def counts(self) -> dict[State, int]:
        """Checks by state, worst first."""
        found = Counter(check.state for check in self.checks)
        return {state: found[state] for state in State}

    @property
    def oldest(self) -> Check | None:
        """The check whose latest evaluation is longest ago."""
        ran = [check for check in self.checks if check.latest]
        return min(ran, key=lambda check: check.latest.at if check.latest else self.at, default=None)

    @property
    def sections(self) -> tuple[Section, ...]:
        """Checks by group and layer; what has failures comes first, and so within."""
        ordered = sorted(self.checks, key=lambda check: (check.section, _ORDER[check.state], check.asset, check.name))
        found = [Section(name, tuple(checks)) for name, checks in groupby(ordered, lambda check: check.section)]
        return tuple(sorted(found, key=lambda section: (_ORDER[section.checks[0].state], section.name)))

    @property
    def headline(self) -> str:
        """The report in one sentence."""
        said = ", ".join(f"{count} {state}" for state, count in self.counts.items() if count)
        oldest = self.oldest
        age = f"; the oldest evaluation is of {oldest.latest.at:%Y-%m-%d %H:%M} UTC" if oldest and oldest.latest else ""
        return f"{len(self.checks)} checks: {said or 'none ran'}{age}."

    def as_json(self) -> dict[str, Any]:
        """The report as one document; dates and times are objects still."""
        return {
            "at": self.at,
            "days": self.days,
            "good": self.is_good,
            "headline": self.headline,
            "counts": {str(state): count for state, count in self.counts.items()},
            "checks": [_check_as_json(check) for section in self.sections for check in section.checks],
            "imports": None if self.imports is None else [_day_as_json(day) for day in self.imports],
        }


def check_of(
    check: Check, evaluations: Sequence[Evaluation], planned: Planned | None, *, at: datetime, days: int
) -> Check:
    """The check with what its evaluations, newest first, say of it.

    A check on tables has one state: that of its latest evaluation. A check on imports has one for each import, or
    group of imports that shared a run: a good import does not settle a bad one before it. Of these, the latest and all
    of the last `days` days count. `planned`: the newest run that was to evaluate the check and failed before it did.
    """
    since = at - timedelta(days=days)
    by_partition: dict[str | None, Evaluation] = {}
    for place, evaluation in enumerate(evaluations):
        if place == 0 or (evaluation.partition is not None and evaluation.at >= since):
            by_partition.setdefault(evaluation.partition, evaluation)
    failures = tuple(evaluation for evaluation in by_partition.values() if not evaluation.passed)
    latest = evaluations[0] if evaluations else None
    severities = {failure.severity for failure in failures} or {latest.severity if latest else check.severity}
    return replace(
        check,
        severity="ERROR" if "ERROR" in severities else "WARN",
        latest=latest,
        failures=failures,
        did_not_run=planned if planned and (latest is None or planned.at > latest.at) else None,
        trend=tuple(evaluation.passed for evaluation in reversed(evaluations[:TREND])),
        days=tuple(_by_day(evaluations[:TREND])),
    )


def _by_day(evaluations: Iterable[Evaluation]) -> list[Day]:
    found: dict[date, Counter[bool]] = {}
    for evaluation in evaluations:
        found.setdefault(evaluation.at.date(), Counter())[evaluation.passed] += 1
    return [Day(day, counts[True], counts[False]) for day, counts in sorted(found.items())]


def _check_as_json(check: Check) -> dict[str, Any]:
    return {
        "section": check.section,
        "asset": check.asset,
        "check": check.name,
        "description": check.description,
        "severity": check.severity,
        "state": str(check.state),
        "at": check.latest.at if check.latest else None,
        "partition": check.latest.partition if check.latest else None,
        "failing_rows": check.failing_rows,
        "failures": [asdict(failure) for failure in check.failures],
        "did_not_run": asdict(check.did_not_run) if check.did_not_run else None,
        "trend": [asdict(day) for day in check.days],
    }


def _day_as_json(day: ImportDay) -> dict[str, Any]:
    return {**asdict(day), "error_percent": day.error_percent}
