"""What caps and pauses find: contacted as often as allowed in some hours, or not to be contacted for a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from cm_core.compliance.facts import ALWAYS, NEVER, Facts, Touch
from cm_core.compliance.rules import Cap, Dates, Rules

#: Reason, evidence, begin and end.
Found = tuple[str, str, datetime, datetime]


def frequency_findings(
    channel: str, states: frozenset[str], facts: Facts, rules: Rules, campaign: str | None
) -> Iterator[Found]:
    """From the touch that reaches a cap until the oldest of that many leaves the cap's hours, and pauses.

    A cap of a state counts where the person may be in that state. Counts by campaign are of each campaign apart, of
    the `campaign` alone where the question is about one. Caps of that campaign take the place of our own general caps
    of the channel, never of a state's.
    """
    touches = [touch for touch in facts.touches if touch.channel == channel]
    for cap in _caps(channel, rules, campaign) if touches else ():
        if cap.state is None or cap.state in states:
            for counted in _groups(cap, touches, campaign):
                yield from _reached(cap, sorted(counted))
    for pause in rules.pauses:
        if (
            pause.channel in (None, channel)
            and (pause.state is None or pause.state in states)
            and (pause.campaign is None or pause.campaign == campaign)
        ):
            yield "paused", f"frequency_pauses: {pause.reason}", pause.starts_at, pause.ends_at or NEVER


def _caps(channel: str, rules: Rules, campaign: str | None) -> Sequence[Cap]:
    def make() -> list[Cap]:
        rows = [cap for cap in rules.caps if cap.channel == channel and cap.campaign in (None, campaign)]
        has_own = any(cap.campaign is not None for cap in rows)
        return [cap for cap in rows if cap.campaign is not None or cap.state is not None or not has_own]

    return rules.memo(("caps", channel, campaign), make)


def _groups(cap: Cap, touches: Sequence[Touch], campaign: str | None) -> Iterator[list[datetime]]:
    if not cap.by_campaign:
        yield [touch.at for touch in touches]
        return
    groups: dict[str | None, list[datetime]] = defaultdict(list)
    for touch in touches:
        groups[touch.campaign].append(touch.at)
    for name, times in groups.items():
        if campaign is None or name in (None, campaign):
            yield times


def _reached(cap: Cap, times: Sequence[datetime]) -> Iterator[Found]:
    window = timedelta(hours=cap.window_hours)
    begins, ends = bounds(cap.dates)
    for last in range(cap.max_touches - 1, len(times)):
        oldest = times[last - cap.max_touches + 1]
        evidence = f"touchpoints: {cap.max_touches} since {oldest:%Y-%m-%d %H:%M}, cap {cap.cap}"
        yield "frequency_cap", evidence, max(times[last], begins), min(oldest + window, ends)


def bounds(dates: Dates) -> tuple[datetime, datetime]:
    """The instants, UTC, between which a dated row is in force."""
    return _midnight(dates.effective_from) or ALWAYS, _midnight(dates.effective_until) or NEVER


def _midnight(day: date | None) -> datetime | None:
    return datetime(day.year, day.month, day.day) if day else None
