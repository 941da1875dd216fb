"""Reading the rule book: the files in `dbt_project/seeds`, checked as a whole, with a fingerprint.

What the rows are is in `rules`. Engineering input, not legal advice: rules are edited in the files, not in code.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path

from cm_core.compliance.rule_files import Row, read_rows, rules_folder
from cm_core.compliance.rules import (
    CHANNELS,
    DEFAULT,
    EXEMPT,
    EXEMPTIONS,
    PURPOSES,
    REASONS,
    VERDICTS,
    WEEKDAYS,
    AreaCode,
    Cap,
    Dates,
    Hours,
    Pause,
    Place,
    Rule,
    Rules,
    StateRule,
    Term,
)
from cm_core.errors import RulesError

FILES = (
    "compliance_rules.csv", "compliance_terms.csv", "frequency_caps.csv", "frequency_pauses.csv", "state_lists.csv",
    "wireless_states.csv", "calling_hours.csv", "holidays.csv", "area_code_places.csv", "zip3_places.csv",
    "state_zones.csv",
)  # fmt: skip
#: Each term, and the most that can be meant of each unit it may have.
_TERMS: Mapping[str, Mapping[str, int]] = {
    "dnc_list_max_age": {"day": 366},
    "dnc_bad_lines": {"percent": 100},
    "dnc_max_shrink": {"percent": 100},
    "relationship_purchase": {"month": 120},
    "relationship_inquiry": {"month": 120},
    "opt_out_deadline": {"day": 366, "business_day": 366},
    "wireless_port_grace": {"day": 366},
    "decision_retention": {"year": 100},
}
#: A year: the longest hours of a cap.
_MOST_HOURS = 8_784
_DATED = ("effective_from", "effective_until")


def load_rules(folder: Path | None = None) -> Rules:
    """The rules of a folder, by default those of the project, read once for each state of its files.

    Raises RulesError with file, line and column where something cannot be meant.
    """
    folder = folder or rules_folder()
    return _load(folder, _fingerprint(folder))


def _fingerprint(folder: Path) -> str:
    """SHA-256 over names and contents of the files, which decision records keep."""
    digest = hashlib.sha256()
    for name in FILES:
        try:
            content = (folder / name).read_bytes()
        except OSError:
            raise RulesError(f"The rules file {name} is not in {folder}. Bring it back; nothing ran.") from None
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


@lru_cache(maxsize=4)
def _load(folder: Path, fingerprint: str) -> Rules:
    states = _states(folder)
    holidays, business = _holidays(folder)
    return Rules(
        rules=_rules(folder),
        terms=_terms(folder),
        caps=tuple(_caps(folder, states)),
        pauses=tuple(_pauses(folder, states)),
        state_lists=tuple(_state_rules(folder, "state_lists.csv", states)),
        wireless_states=tuple(_state_rules(folder, "wireless_states.csv", states)),
        hours=_hours(folder, states),
        holidays=holidays,
        business_holidays=business,
        area_codes=_area_codes(folder, states),
        zip3s=_grouped(read_rows(folder, "zip3_places.csv", ("zip3", "state", "zone")), "zip3"),
        states=states,
        fingerprint=fingerprint,
    )


def _dates(row: Row) -> Dates:
    dates = Dates(row.day("effective_from"), row.optional_day("effective_until"))
    if dates.effective_until is not None and dates.effective_until <= dates.effective_from:
        row.refuse("effective_until", "is not after effective_from")
    return dates


def _rules(folder: Path) -> tuple[Rule, ...]:
    columns = ("channel", "precedence", "reason_code", "code", "verdict", "purposes", "exempt_by", "enabled", *_DATED,
               "description", "source")  # fmt: skip
    found: list[Rule] = []
    for row in read_rows(folder, "compliance_rules.csv", columns):
        channel = row.choice("channel", CHANNELS)
        rule = Rule(
            channel=channel,
            precedence=row.whole("precedence"),
            reason_code=row.choice("reason_code", REASONS[channel] | {DEFAULT, EXEMPT}),
            code=row.matching("code", "[A-Z]", "one capital letter"),
            verdict=row.choice("verdict", VERDICTS),
            purposes=row.choices("purposes", (*PURPOSES, "all")),
            exempt_by=_exemptions(row),
            enabled=row.flag("enabled"),
            dates=_dates(row),
            description=row.text("description"),
            source=row.text("source"),
        )
        if not rule.purposes:
            row.refuse("purposes", f"is blank: name all, or some of {', '.join(PURPOSES)}")
        if "all" in rule.purposes and len(rule.purposes) > 1:
            row.refuse("purposes", "names all and others beside it: name all alone, or those that are meant")
        _check_beside(row, rule, found)
        found.append(replace(rule, purposes=frozenset(PURPOSES)) if "all" in rule.purposes else rule)
    _check_complete(found)
    return tuple(sorted(found, key=lambda rule: (rule.channel, rule.precedence)))


def _exemptions(row: Row) -> frozenset[str]:
    found = row.choices("exempt_by", EXEMPTIONS)
    return found | {"written_consent"} if "consent" in found else found


def _check_beside(row: Row, rule: Rule, others: Iterable[Rule]) -> None:
    """A rule must not stand in force beside another of its reason or precedence, nor be looser than a later one."""
    for other in others:
        if other.channel != rule.channel or not _overlap(rule.dates, other.dates):
            continue
        if other.reason_code == rule.reason_code:
            row.refuse("reason_code", f"{rule.reason_code!r} has two rows for the same days on channel {rule.channel}")
        if other.precedence == rule.precedence:
            row.refuse("precedence", f"{rule.precedence} is that of {other.reason_code!r} too")
        first, second = sorted((rule, other), key=lambda either: either.precedence)
        if VERDICTS.index(first.verdict) > VERDICTS.index(second.verdict):
            row.refuse("precedence", f"puts {first.verdict} before {second.verdict}: a stricter verdict comes first")


def _check_complete(found: list[Rule]) -> None:
    for channel in CHANNELS:
        rows = {rule.reason_code for rule in found if rule.channel == channel}
        if missing := sorted(REASONS[channel] - rows):
            raise RulesError(
                f"compliance_rules.csv has no row for {missing[0]!r} on channel {channel}: what no rule names would "
                "be let through. Add it (enabled 0 to switch it off on purpose)."
            )
        if not any(r.reason_code == DEFAULT and r.enabled and r.channel == channel for r in found):
            raise RulesError(f"compliance_rules.csv has no enabled row {DEFAULT!r} for channel {channel}.")


def _overlap(one: Dates, other: Dates) -> bool:
    return (one.effective_until is None or other.effective_from < one.effective_until) and (
        other.effective_until is None or one.effective_from < other.effective_until
    )


def _terms(folder: Path) -> Mapping[str, tuple[Term, ...]]:
    found: dict[str, list[Term]] = defaultdict(list)
    for row in read_rows(folder, "compliance_terms.csv", ("term", "value", "unit", *_DATED)):
        name = row.choice("term", _TERMS)
        unit = row.choice("unit", _TERMS[name])
        term = Term(row.whole("value", most=_TERMS[name][unit]), unit, _dates(row))
        if any(_overlap(term.dates, other.dates) for other in found[name]):
            row.refuse("effective_from", f"lies in the days of another row of {name!r}")
        found[name].append(term)
    return {name: tuple(terms) for name, terms in found.items()}


def _caps(folder: Path, states: Mapping[str, object]) -> Iterator[Cap]:
    columns = ("cap", "channel", "state", "campaign", "max_touches", "window_hours", "counts", *_DATED, "enabled",
               "description")  # fmt: skip
    names: set[str] = set()
    for row in read_rows(folder, "frequency_caps.csv", columns):
        if row.text("cap") in names:
            row.refuse("cap", f"is {row.text('cap')!r}, as in a row before: name one that follows it in time otherwise")
        names.add(row.text("cap"))
        cap = Cap(
            cap=row.text("cap"),
            channel=row.choice("channel", CHANNELS),
            state=row.choice("state", states, blank=True) or None,
            campaign=_campaign(row),
            max_touches=row.whole("max_touches", least=1),
            window_hours=row.whole("window_hours", least=1, most=_MOST_HOURS),
            by_campaign=row.choice("counts", ("campaign", "any")) == "campaign",
            dates=_dates(row),
            description=row.text("description"),
        )
        if row.flag("enabled"):
            yield cap


def _pauses(folder: Path, states: Mapping[str, object]) -> Iterator[Pause]:
    columns = ("channel", "campaign", "state", "starts_at", "ends_at", "reason")
    for row in read_rows(folder, "frequency_pauses.csv", columns):
        channel = row.choice("channel", (*CHANNELS, "all"), blank=True)
        pause = Pause(
            channel=None if channel in ("", "all") else channel,
            campaign=_campaign(row),
            state=row.choice("state", states, blank=True) or None,
            starts_at=row.instant("starts_at"),
            ends_at=row.optional_instant("ends_at"),
            reason=row.text("reason"),
        )
        if pause.ends_at is not None and pause.ends_at <= pause.starts_at:
            row.refuse("ends_at", "is not after starts_at")
        yield pause


def _campaign(row: Row) -> str | None:
    """As campaigns are compared; None for all of them."""
    name = row.optional("campaign")
    return None if name is None or name.lower() == "all" else name.upper()


def _state_rules(folder: Path, name: str, states: Mapping[str, object]) -> Iterator[StateRule]:
    columns = ("state", *_DATED, "source")
    for row in read_rows(folder, name, (*columns, "list") if name == "state_lists.csv" else columns):
        yield StateRule(row.choice("state", states), _dates(row), row.cells.get("list", ""))


def _hours(folder: Path, states: Mapping[str, object]) -> Mapping[tuple[str, str], tuple[Hours, ...]]:
    columns = ("state", "channel", "zone", *WEEKDAYS, "holiday", "enabled", *_DATED, "description", "source")
    found: dict[tuple[str, str], list[Hours]] = defaultdict(list)
    for row in read_rows(folder, "calling_hours.csv", columns):
        hours = Hours(
            state=row.choice("state", {*states, "US"}),
            channel=row.choice("channel", ("call", "sms")),
            zone=row.zone("zone") if row.optional("zone") else None,
            weekdays=tuple(row.hours(day) for day in WEEKDAYS),
            says_holidays=row.optional("holiday") is not None,
            holiday=row.hours("holiday") if row.optional("holiday") else None,
            dates=_dates(row),
        )
        row.text("description"), row.text("source")
        if row.flag("enabled"):
            found[hours.state, hours.channel].append(hours)
    for channel in ("call", "sms"):
        if not found["US", channel]:
            raise RulesError(f"calling_hours.csv has no enabled row for US and {channel}: calls would never end.")
    return {key: tuple(rows) for key, rows in found.items()}


def _holidays(folder: Path) -> tuple[Mapping[str, frozenset[date]], frozenset[date]]:
    days: dict[str, set[date]] = defaultdict(set)
    business: set[date] = set()
    columns = ("day", "state", "name", "is_observed", "is_business_holiday")
    for row in read_rows(folder, "holidays.csv", columns):
        day = row.day("day")
        days[row.matching("state", "[A-Z]{2}", "a state or US")].add(day)
        if row.flag("is_business_holiday"):
            business.add(day)
    if not business:
        raise RulesError("holidays.csv has no business holiday: business days cannot be counted.")
    return {state: frozenset(found) for state, found in days.items()}, frozenset(business)


def _area_codes(folder: Path, states: Mapping[str, object]) -> Mapping[str, AreaCode]:
    found: dict[str, AreaCode] = {}
    for row in read_rows(folder, "area_code_places.csv", ("area_code", "kind", "country", "state", "zone")):
        code = row.matching("area_code", r"[2-9]\d\d", "an area code")
        kind = row.choice("kind", ("geographic", "toll_free", "personal", "premium"))
        state = row.choice("state", states, blank=True)
        places = frozenset({Place(state, row.zone("zone"))}) if row.optional("zone") else frozenset()
        known = found.get(code)
        found[code] = AreaCode(kind, row.text("country"), places | (known.places if known else frozenset()))
    return found


def _states(folder: Path) -> Mapping[str, frozenset[Place]]:
    return _grouped(read_rows(folder, "state_zones.csv", ("state", "zone")), "state")


def _grouped(rows: Iterator[Row], column: str) -> Mapping[str, frozenset[Place]]:
    found: dict[str, set[Place]] = defaultdict(set)
    for row in rows:
        found[row.text(column)].add(Place(row.matching("state", "[A-Z]{2}", "a state"), row.zone("zone")))
    return {key: frozenset(places) for key, places in found.items()}
