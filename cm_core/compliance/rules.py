"""The rules of compliance as dated data.

They are read by `rule_book` out of the dbt project's seeds, where they are edited. What a rule finds is in `findings`,
`frequency` and `windows`; how the rules make one verdict is in `verdicts`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar

from cm_core.errors import RulesError

CHANNELS = ("call", "sms", "email", "mail")
PURPOSES = ("solicitation", "offer_to_buy", "informational")
#: From the strictest to the loosest.
VERDICTS = ("blocked", "review", "wait", "allowed")
#: `consent` is of any kind, written too; `written_consent` is that of which we know that it is.
EXEMPTIONS = ("consent", "written_consent", "relationship")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_OF_ANY = ("invalid_contact", "privacy_deleted", "opt_out_contact", "opt_out_person", "deceased", "opt_out_shared",
           "opt_out_suspected", "paused", "frequency_cap")  # fmt: skip
_OF_PHONES = (*_OF_ANY, "opt_out_other_channel", "litigator", "reassigned", "dnc_listed", "dnc_area_not_held",
              "dnc_list_stale", "wireless_state", "wireless_no_consent", "estate_hold", "trust_hold", "fax_number",
              "outside_us", "toll_free", "state_list_not_held", "shared_contact", "calling_window")  # fmt: skip
#: Every reason that can be found on a channel. Each needs a rule, if a disabled one: what no rule names fails open.
REASONS: Mapping[str, frozenset[str]] = {
    "call": frozenset(_OF_PHONES),
    "sms": frozenset((*_OF_PHONES, "not_textable", "line_type_unknown")),
    "email": frozenset((*_OF_ANY, "shared_contact")),
    "mail": frozenset((*_OF_ANY, "incomplete_address", "mail_suppression")),
}
#: The rules for a contact point of which nothing is found, or nothing that an exemption does not lift.
DEFAULT, EXEMPT = "no_rule_blocks", "exempt"

T = TypeVar("T")


class Place(NamedTuple):
    """A state (blank: outside the United States) and a time zone in it."""

    state: str
    zone: str

    def __str__(self) -> str:
        return f"{self.state}@{self.zone}"


class Dates(NamedTuple):
    """From a day (UTC) on, until another one comes; None: until further notice."""

    effective_from: date
    effective_until: date | None

    def cover(self, day: date) -> bool:
        """Whether the day is one of them."""
        return self.effective_from <= day and (self.effective_until is None or day < self.effective_until)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a finding means on a channel. The lowest `precedence` that finds something decides."""

    channel: str
    precedence: int
    reason_code: str
    code: str
    verdict: str
    purposes: frozenset[str]
    exempt_by: frozenset[str]
    enabled: bool
    dates: Dates
    description: str
    source: str

    @property
    def rule_id(self) -> str:
        """What decision records name it by."""
        return f"{self.channel}.{self.reason_code}"


@dataclass(frozen=True, slots=True)
class Term:
    """A number that a law or a policy sets: 31 days, 18 months, 10 business days."""

    value: int
    unit: str
    dates: Dates


@dataclass(frozen=True, slots=True)
class Cap:
    """No more than `max_touches` contacts in any `window_hours`. Blank state: all; blank campaign: the general cap."""

    cap: str
    channel: str
    state: str | None
    campaign: str | None
    max_touches: int
    window_hours: int
    by_campaign: bool
    dates: Dates
    description: str


@dataclass(frozen=True, slots=True)
class Pause:
    """No contact for a while. What is blank holds for all."""

    channel: str | None
    campaign: str | None
    state: str | None
    starts_at: datetime
    ends_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class StateRule:
    """Something that holds in a state for a time; `list` is the name of its do-not-call list."""

    state: str
    dates: Dates
    list: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """Minutes after local midnight between which a state allows contact, by weekday; None: not at all.

    `zone` is where the clock hangs, blank for the called person's own. On the state's holidays `holiday` holds too,
    where the row says anything about them.
    """

    state: str
    channel: str
    zone: str | None
    weekdays: tuple[tuple[int, int] | None, ...]
    says_holidays: bool
    holiday: tuple[int, int] | None
    dates: Dates


@dataclass(frozen=True, slots=True)
class AreaCode:
    """What an area code of the North American numbering plan is, and where."""

    kind: str
    country: str
    places: frozenset[Place]


@dataclass(frozen=True, eq=False)
class Rules:
    """The rule book. `derived` keeps what was worked out from it (`memo`); two loads are two books."""

    rules: tuple[Rule, ...]
    terms: Mapping[str, tuple[Term, ...]]
    caps: tuple[Cap, ...]
    pauses: tuple[Pause, ...]
    state_lists: tuple[StateRule, ...]
    wireless_states: tuple[StateRule, ...]
    hours: Mapping[tuple[str, str], tuple[Hours, ...]]
    holidays: Mapping[str, frozenset[date]]
    business_holidays: frozenset[date]
    area_codes: Mapping[str, AreaCode]
    zip3s: Mapping[str, frozenset[Place]]
    states: Mapping[str, frozenset[Place]]
    fingerprint: str
    derived: dict[Hashable, Any] = field(default_factory=dict)

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for the key."""
        if key not in self.derived:
            self.derived[key] = make()
        found: T = self.derived[key]
        return found

    def active(self, channel: str, purpose: str, day: date) -> Mapping[str, Rule]:
        """The rules of a channel that are enabled, in force on a UTC day and meant for a purpose, by reason."""
        return self.memo(
            ("active", channel, purpose, day),
            lambda: {
                rule.reason_code: rule
                for rule in self.rules
                if rule.channel == channel and rule.enabled and purpose in rule.purposes and rule.dates.cover(day)
            },
        )

    def of_reason(self, channel: str, reason_code: str) -> tuple[Rule, ...]:
        """Every enabled rule about a reason, whatever its dates."""
        return self.memo(
            ("of_reason", channel, reason_code),
            lambda: tuple(
                rule
                for rule in self.rules
                if rule.enabled and rule.channel == channel and rule.reason_code == reason_code
            ),
        )

    def term_or_none(self, name: str, day: date) -> Term | None:
        """The term in force on a UTC day, if one is."""
        return next((term for term in self.terms.get(name, ()) if term.dates.cover(day)), None)

    def term(self, name: str, day: date) -> Term:
        """The term in force on a UTC day. Raises RulesError where none is."""
        if term := self.term_or_none(name, day):
            return term
        raise RulesError(f"compliance_terms.csv has no {name!r} for {day}. Add a row; nothing ran.")
