"""The report as one page of HTML that can be printed: no script, no file beside it. How it looks is `page.html.j2`.

The page of each day is kept in the lake: `quality/YYYY-MM-DD.html` (UTC), as it was last written on that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from cm_core.lake import lake
from cm_core.quality.imports import DAYS, ImportDay
from cm_core.quality.report import Check, Report, State
from cm_core.settings import Settings

#: A trend has a slot for each day; sizes in pixels.
_SLOT, _HEIGHT = 4, 16
#: The charts of the imports: slot of a day, heights of the bars.
_DAY_SLOT, _DAY_HEIGHT, _PERCENT_HEIGHT = 32, 90, 40
#: Failures of a check that are shown; a check on imports may have one for each.
_SHOWN = 5


@dataclass(frozen=True)
class _Bar:
    """A rectangle of a drawing, and what it says to who points at it. `kind` is its class in the page's style."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


def page(report: Report) -> str:
    """The whole page."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    template = environment.from_string(files("cm_core.quality").joinpath("page.html.j2").read_text(encoding="utf-8"))
    days = _days(report)
    bad = [check for section in report.sections for check in section.checks if check.is_bad]
    return template.render(
        report=report,
        State=State,
        attention=sorted(bad, key=lambda check: check.state != State.failed),
        warnings=[check for section in report.sections for check in section.checks if check.state == State.warned],
        trend=lambda check: _trend(check, days),
        trend_size=(_SLOT * len(days), _HEIGHT),
        chart=_chart(report.imports or (), days),
        chart_size=(_DAY_SLOT * len(days), _DAY_HEIGHT),
        percents=_percents(report.imports or (), days),
        percents_size=(_DAY_SLOT * len(days), _PERCENT_HEIGHT),
        worst=_worst(report.imports or ()),
        shown=_SHOWN,
        calendar=days,
        totals=_total(report),
    )


def keep(settings: Settings, report: Report) -> str:
    """Write the page of the report's day into the lake; returns its URL. Raises StoreError."""
    store, key = lake(settings), f"quality/{report.at:%Y-%m-%d}.html"
    store.put_bytes(page(report).encode(), key)
    return store.url(key)


def _days(report: Report) -> list[date]:
    last = report.at.date()
    return [last - timedelta(days=before) for before in reversed(range(DAYS + 1))]


def _trend(check: Check, days: Sequence[date]) -> list[_Bar]:
    """A bar for each day with evaluations: how many failed stands on top of how many passed."""
    found = {day.day: day for day in check.days}
    bars = []
    for place, day in enumerate(days):
        counts = found.get(day)
        if counts is None:
            bars.append(_Bar(place * _SLOT, _HEIGHT - 1, _SLOT - 1, 1, "none", f"{day}: not evaluated"))
            continue
        failed = _HEIGHT * counts.failed / (counts.failed + counts.passed)
        title = f"{day}: {counts.passed} passed, {counts.failed} failed"
        bars.append(_Bar(place * _SLOT, 0, _SLOT - 1, round(failed, 1), "bad", title))
        bars.append(_Bar(place * _SLOT, round(failed, 1), _SLOT - 1, round(_HEIGHT - failed, 1), "good", title))
    return [bar for bar in bars if bar.height]


def _chart(imports: Sequence[ImportDay], days: Sequence[date]) -> list[_Bar]:
    """Rows of each day; the part that was rejected is on top, at least a pixel high where there is any."""
    most = max((day.rows for day in imports), default=0) or 1
    found = {day.day: day for day in imports}
    bars = []
    for place, day in enumerate(days):
        if day not in found:
            continue
        counts = found[day]
        height = max(1.0, _DAY_HEIGHT * counts.rows / most)
        rejected = (
            max(1.0, height * counts.rejected_rows / counts.rows) if counts.rejected_rows and counts.rows else 0.0
        )
        percent = "" if counts.error_percent is None else f" ({counts.error_percent:g} %)"
        title = (
            f"{day}: {counts.imports} imports, {counts.failed} of them failed, {counts.rows:,} rows, "
            f"{counts.rejected_rows:,} rejected{percent}"
        )
        x, width, top = place * _DAY_SLOT + 2, _DAY_SLOT - 4, _DAY_HEIGHT - height
        bars.append(_Bar(x, round(top, 1), width, round(rejected, 1), "bad", title))
        bars.append(_Bar(x, round(top + rejected, 1), width, round(height - rejected, 1), "rows", title))
    return [bar for bar in bars if bar.height > 0]


def _percents(imports: Sequence[ImportDay], days: Sequence[date]) -> list[_Bar]:
    """Rejected rows of each day in percent, against the worst day."""
    worst = _worst(imports) or 1.0
    places = {day: place for place, day in enumerate(days)}
    bars = []
    for day in imports:
        if day.error_percent and day.day in places:
            height = max(1.0, round(_PERCENT_HEIGHT * day.error_percent / worst, 1))
            x, title = places[day.day] * _DAY_SLOT + 2, f"{day.day}: {day.error_percent:g} %"
            bars.append(_Bar(x, round(_PERCENT_HEIGHT - height, 1), _DAY_SLOT - 4, height, "bad", title))
    return bars


def _worst(imports: Sequence[ImportDay]) -> float:
    return max((day.error_percent or 0.0 for day in imports), default=0.0)


def _total(report: Report) -> ImportDay:
    """All days of the trend as one."""
    days = report.imports or ()
    return ImportDay(
        report.at.date(),
        sum(day.imports for day in days),
        sum(day.failed for day in days),
        sum(day.rows for day in days),
        sum(day.rejected_rows for day in days),
    )
