"""The table of cases (`compliance_cases.yaml`): as facts for the Python function, and as rows of the canonical tables.

Each case is an entity of its own: the loader allots numbers, addresses and ids so that no two meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cm_core.compliance.facts import (
    OF_EVERY_HOLDER,
    OF_THE_PERSON,
    Contact,
    Fact,
    Facts,
    Home,
    Listing,
    Lists,
    OptOut,
    Touch,
    Version,
)

if TYPE_CHECKING:
    from tests.integration.dbt.people import People

_FILE = Path(__file__).with_name("compliance_cases.yaml")
_KINDS = {"call": "phone", "sms": "phone", "email": "email", "mail": "address"}
_DEFAULTS = {"channel": "call", "at": "monday noon", "purpose": "solicitation"}
_FIRST_PERSON = 100_000
#: Where in the lake the numbers of all lists would be; who looks there puts an empty one.
LIST_KEY = "dnc/cases.parquet"
_PERSONS_PER_CASE = 10


@dataclass(frozen=True)
class Expected:
    """The answer. What is None is not looked at."""

    verdict: str
    code: str
    reason_code: str
    usable_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True)
class Case:
    """One line of the table; `number` counts from 1, `values` is the line."""

    number: int
    group: str
    source: str
    at: datetime
    values: Mapping[str, Any]
    expected: Expected

    @property
    def name(self) -> str:
        return f"{self.group}: {self.values['case']}"

    @property
    def channel(self) -> str:
        return str(self.values["channel"])

    @property
    def purpose(self) -> str:
        return str(self.values["purpose"])

    @property
    def kind(self) -> Any:
        return _KINDS[self.channel]

    @property
    def facts(self) -> list[dict[str, Any]]:
        return list(self.values.get("facts", []))

    @property
    def homes(self) -> list[Home]:
        """Of the person's addresses beside a postal contact point."""
        return [_home(text) for text in self.values.get("homes", [])]

    def contact(self, which: int = 0) -> Contact:
        """The contact point (0), another one that only this person has (1), or one that another has too (2)."""
        place = str(self.values["contact"])
        if self.kind == "phone":
            if which == 0 and place == "invalid":
                return Contact("phone", f"call me {self.number}", invalid_reason="no_digits")
            if place == "+44":
                return Contact("phone", f"+4420794{which}{self.number:04d}")
            area_code = place if place.isdigit() else "405"
            number = f"+1{area_code}7{62 + which}{self.number:04d}"
            own = self.values if which == 0 else {}
            line = own.get("line", own.get("line_of_another"))
            return Contact("phone", number, extension=own.get("extension"), line_type=line)
        if self.kind == "email":
            key = f"case{self.number}.{which}@example.org"
            return Contact("email", key, invalid_reason="syntax" if which == 0 and place == "invalid" else None)
        reason = {"invalid": "unparsed"}.get(place) if which == 0 else None
        missing = ("street",) if which == 0 and place == "incomplete" else ()
        return Contact("address", f"{self.number} CASE ST {which}", invalid_reason=reason, missing=missing)

    @property
    def postal_home(self) -> Home:
        """Where a postal contact point lies."""
        place = str(self.values["contact"])
        return (
            _home(place) if self.kind == "address" and place not in ("invalid", "incomplete") else Home("OK", "73701")
        )


@dataclass(frozen=True)
class Placed:
    """A case in the database: its entity, and the key of its contact point in the marts."""

    case: Case
    entity_id: int
    contact_key: str


def load_cases() -> list[Case]:
    """All cases, in order. An unknown word in the file is an error."""
    table = _table()
    cases = []
    for group in table["groups"]:
        for line in group["cases"]:
            values = _DEFAULTS | line
            known = {"case", "contact", "channel", "purpose", "at", "homes", "facts", "expect", "usable_from",
                     "valid_until", "line", "line_of_another", "extension", "type", "also", "shared_by",
                     "held_by_another"}  # fmt: skip
            assert not set(values) - known, f"{line['case']}: {set(values) - known}"
            verdict, code, reason = values["expect"].split()
            expected = Expected(verdict, code, reason, values.get("usable_from"), values.get("valid_until"))
            at = table["instants"][values["at"]]
            cases.append(Case(len(cases) + 1, group["group"], group["source"], at, values, expected))
    return cases


def lists_held(cases: Iterable[Case]) -> list[Version]:
    """The versions of do-not-call lists that the cases live with."""
    lists = _table()["lists"]
    monthly, otherwise = lists["monthly"], lists["otherwise"]
    apart = {row["area_code"] for row in otherwise}
    codes = sorted({code for case in cases for which in (0, 1, 2) if (code := case.contact(which).area_code)} - apart)
    versions = [
        Version(monthly["list"], code, "", _instant(day))
        for day in _months(monthly["from"], monthly["until"])
        for code in codes
    ]
    versions += [Version(row["list"], row["area_code"], "", at) for row in otherwise for at in row["obtained"]]
    times = {key: n for n, key in enumerate(sorted({(v.source, v.obtained_at) for v in versions}), start=1)}
    return [Version(v.source, v.area_code, str(times[v.source, v.obtained_at]), v.obtained_at) for v in versions]


def facts_of(case: Case, lists: Lists) -> Facts:
    """What the case knows, as `cm_core.compliance.lookup` would read it."""
    postal = [case.postal_home] if case.kind == "address" else []
    return Facts(
        lists=lists,
        opt_outs=tuple(_opt_outs(case)),
        facts=tuple(_facts(case)),
        listings=tuple(
            Listing(fact["listed"], _optional(fact.get("from")), _optional(fact.get("until")), "dnc_registry")
            for fact in case.facts
            if "listed" in fact
        ),
        touches=tuple(
            Touch(fact["touch"], _instant(fact["at"]), fact.get("campaign"))
            for fact in case.facts
            if "touch" in fact and fact.get("of") != "shared"
        ),
        homes=(*postal, *case.homes),
        is_estate="estate" in (case.values.get("type"), case.values.get("also")),
        is_trust="trust" in (case.values.get("type"), case.values.get("also")),
        surnames=case.values.get("shared_by"),
    )


def _opt_outs(case: Case) -> Iterator[OptOut]:
    for fact in case.facts:
        if "opt_out" not in fact:
            continue
        channel, at, by = fact["opt_out"], _instant(fact["at"]), fact.get("by", "contact")
        if by == "contact":
            yield OptOut(channel, at, "contact", "opt_outs")
            if not case.values.get("shared_by"):
                yield OptOut(channel, at, "shared" if case.values.get("held_by_another") else "person", "opt_outs")
        else:
            yield OptOut(channel, at, "shared" if by == "shared" else "person", "opt_outs")


def _facts(case: Case) -> Iterator[Fact]:
    for fact in case.facts:
        if "fact" not in fact:
            continue
        subject, name = _subject(fact), fact["fact"]
        alone = not (subject == "shared" or case.values.get("held_by_another") or case.values.get("shared_by"))
        reaches = {
            "contact": subject == "contact",
            "person": subject in ("person", "name_zip") or (name in OF_THE_PERSON and alone) or name in OF_EVERY_HOLDER,
        }
        if subject == "former":  # what permits does not stay with who had it
            reaches["person"] &= name != "relationship"
        for reach in (reach for reach, is_so in reaches.items() if is_so):
            yield Fact(
                name, fact.get("channel", "all"), fact.get("value"), _instant(fact["at"]),
                _optional(fact.get("until")), reach, subject, "contact_facts",
            )  # fmt: skip


def _subject(fact: Mapping[str, Any]) -> str:
    of_person = fact["fact"] in ("privacy_deletion", "deceased", "mail_suppression")
    return str(fact.get("of", "person" if of_person else "contact"))


# --- Into the canonical tables ------------------------------------------------------------------------------------


def load_into(people: People, cases: Sequence[Case]) -> list[Placed]:
    """Write every case as rows of the canonical tables, with the lists they live with; where each can be found."""
    _write_lists(people, lists_held(cases))
    return [_Writer(people, case).write() for case in cases]


class _Writer:
    """Writes one case."""

    def __init__(self, people: People, case: Case) -> None:
        self._people, self._case = people, case
        self._person = _FIRST_PERSON + case.number * _PERSONS_PER_CASE
        self._name_zip = f"ANN|CASE{case.number}||{case.postal_home.zip5}"
        self._others: set[str] = set()

    def write(self) -> Placed:
        self._write_entity()
        contact = self._case.contact()
        key = self._write_contact(replace(contact, line_type=self._case.values.get("line")), self._person)
        for place, home in enumerate(self._case.homes):
            self._people.address(self._person, f"{self._case.number} HOME ST {place}", state=home.state, zip=home.zip5)
        if self._case.values.get("held_by_another"):
            self._write_contact(contact, self._other_person())
        if surnames := self._case.values.get("shared_by"):
            self._people.run(
                "insert into shared_contacts (kind, contact_key, surnames, first_import_id) values (%s, %s, %s, 'x')",
                (self._case.kind, self._case.contact().key, surnames),
            )
        for fact in self._case.facts:
            self._write_fact(fact)
        return Placed(self._case, self._person, key)

    def _write_entity(self) -> None:
        values = self._case.values
        kind = values.get("type", "person")
        self._people.person(self._person, entity_type=kind, first_name="Ann", last_name=f"Case{self._case.number}")
        if also := values.get("also"):
            self._people.person(self._person + 1, entity=self._person, original=0, entity_type=also)

    def _other_person(self) -> int:
        other = self._person + 5
        if not self._people.rows("select id from persons where id = %s", (other,)):
            self._people.person(other, first_name="Bob")
        return other

    def _write_contact(self, contact: Contact, person: int) -> str:
        """The contact point of a person; returns its key in the marts."""
        if contact.kind == "phone":
            key = contact.key + (f";ext={contact.extension}" if contact.extension else "")
            valid = contact.invalid_reason is None
            self._people.phone(
                person, key, phone_e164=contact.key if valid else None, invalid_reason=contact.invalid_reason,
                extension=contact.extension, phone_type=contact.line_type, region=_region(contact) if valid else None,
            )  # fmt: skip
            return key
        if contact.kind == "email":
            valid = contact.invalid_reason is None
            self._people.email(
                person, contact.key, email=contact.key if valid else None, invalid_reason=contact.invalid_reason
            )
            return contact.key
        home = self._case.postal_home
        parsed = not contact.invalid_reason
        self._people.address(
            person, contact.key, street=None if contact.missing or not parsed else contact.key,
            city="ENID" if parsed else None, state=home.state if parsed else None, zip=home.zip5 if parsed else None,
            invalid_reason=contact.invalid_reason, name_zip_key=self._name_zip,
        )  # fmt: skip
        return contact.key

    def _write_fact(self, fact: Mapping[str, Any]) -> None:
        if "opt_out" in fact:
            self._write_opt_out(fact)
        elif "listed" in fact:
            self._people.run(
                "insert into dnc_registry (phone_e164, source, listed_from, removed_at, first_import_id, "
                "last_import_id) values (%s, %s, %s, %s, 'x', 'x')",
                (self._case.contact().key, fact["listed"], _optional(fact.get("from")), _optional(fact.get("until"))),
            )
        elif "touch" in fact:
            self._write_touch(fact)
        else:
            self._write_contact_fact(fact)

    def _write_opt_out(self, fact: Mapping[str, Any]) -> None:
        by = fact.get("by", "contact")
        values: dict[str, Any] = {"person_id": self._person} if by == "person" else {}
        if by in ("other", "shared"):
            contact = self._write_another(by)
            values = {_COLUMNS[contact.kind]: contact.key}
            if fact.get("recorded_for") == "another":  # with whom they were one person then
                values["person_id"] = self._other_person()
        elif by == "contact":
            values = {_COLUMNS[self._case.kind]: self._case.contact().key}
        names = ", ".join(values)
        self._people.run(
            f"insert into opt_outs (channel, opted_out_at, source, {names}) "
            f"values (%s, %s, 'cases', {', '.join(['%s'] * len(values))})",
            (fact["opt_out"], _instant(fact["at"]), *values.values()),
        )

    def _write_another(self, which: str) -> Contact:
        """Another contact point of the person, that only they have (`other`) or that somebody else has too."""
        contact = self._case.contact(1 if which == "other" else 2)
        if contact.key not in self._others:
            self._others.add(contact.key)
            self._write_contact(contact, self._person)
            if which == "shared":
                self._write_contact(contact, self._other_person())
        return contact

    def _write_contact_fact(self, fact: Mapping[str, Any]) -> None:
        subject = _subject(fact)
        contact = self._write_another(subject) if subject in ("other", "shared") else self._case.contact()
        contact = self._case.contact(1) if subject == "former" else contact
        # Imports note whose a contact point was when the fact came, if it was one person's.
        known = self._person if subject in ("other", "former") or not self._case.values.get("held_by_another") else None
        kind, key, person = {
            "person": ("person", str(self._person), self._person),
            "name_zip": ("name_zip", self._name_zip, self._person),
            "shared": (contact.kind, contact.key, None),
        }.get(subject, (contact.kind, contact.key, known))
        values = (
            fact["fact"], kind, key, person, fact.get("channel", "all"), fact.get("value"), _instant(fact["at"]),
            _optional(fact.get("until")),
        )  # fmt: skip
        self._people.run(
            "insert into contact_facts (fact_key, fact, contact_kind, contact_key, person_id, channel, value, "
            "starts_at, ends_at, source) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'cases')",
            (hashlib.sha256(repr((self._case.number, values)).encode()).hexdigest(), *values),
        )

    def _write_touch(self, fact: Mapping[str, Any]) -> None:
        campaign = fact.get("campaign")
        key = hashlib.sha256(repr((self._case.number, sorted(fact.items()))).encode()).hexdigest()
        person, contact = self._person, None
        if "of" in fact:
            person = None
            contact = self._write_another("shared") if fact["of"] == "shared" else self._case.contact()
        self._people.run(
            "insert into touchpoints (id, touchpoint_key, person_id, phone_e164, email_key, touchpoint_type, "
            "touchpoint_date, campaign_code, source, content_key, source_date, metadata) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, 'cases', 'x', %s, '{\"direction\": \"outbound\"}')",
            (
                int(key[:12], 16), key, person, contact.key if contact and contact.kind == "phone" else None,
                contact.key if contact and contact.kind == "email" else None, fact["touch"], _instant(fact["at"]),
                campaign, _instant(fact["at"]),
            ),
        )  # fmt: skip


_COLUMNS = {"phone": "phone_e164", "email": "email_key", "address": "address_key"}
_REGIONS = {"416": "CA", "876": "JM", "787": "PR", "671": "GU"}


def _region(contact: Contact) -> str:
    return "GB" if contact.area_code is None else _REGIONS.get(contact.area_code, "US")


def _write_lists(people: People, versions: Sequence[Version]) -> None:
    newest = {(v.source, v.area_code): v.obtained_at for v in sorted(versions, key=lambda v: v.obtained_at)}
    for source, version, at in sorted({(v.source, int(v.version), v.obtained_at) for v in versions}):
        import_id = f"imp_{at:%Y_%m_%d}_{version % 1000:03d}"
        people.an_import(import_id)
        people.run(
            "insert into dnc_list_versions (id, source, kind, import_id, obtained_at, status, area_codes, row_count, "
            "bad_rows, added, removed, checksum_sha256) "
            "values (%s, %s, 'full', %s, %s, 'IN_FORCE', 1, 1, 0, 1, 0, 'x')",
            (version, source, import_id, at),
        )
    for held in versions:
        people.run(
            "insert into dnc_area_coverage (source, area_code, version_id, obtained_at, numbers, lake_key, is_current) "
            "values (%s, %s, %s, %s, 1, %s, %s)",
            (
                held.source, held.area_code, int(held.version), held.obtained_at, LIST_KEY,
                newest[held.source, held.area_code] == held.obtained_at,
            ),
        )  # fmt: skip


@cache
def _table() -> Any:
    return yaml.load(_FILE.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _home(text: str) -> Home:
    state, _, zip5 = text.partition(" ")
    return Home(None if state == "?" else state, zip5 or None)


def _instant(value: date | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)


def _optional(value: date | datetime | None) -> datetime | None:
    return None if value is None else _instant(value)


def _months(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
