"""What people and machines do in a month: each thing is said to a server or put where lists arrive, and to `history`.

All of it is drawn from a seed. A day has hours, each with the servers' clocks set to it; at 22:00 our side works, and
what is said at 23:00 is found by the next day.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from cm_core.compliance.by_hand import suppress
from cm_core.compliance.subjects import subject_of
from cm_core.crm import PersonFields
from cm_core.lake import landing_zone
from cm_core.settings import Settings
from cm_core.store import Database
from tests.e2e.month.history import Human, Source
from tests.integration.imports.steps import csv_text, query
from tests.servers import PipedriveServer
from tests.servers.ringcentral import RingCentral

FIRSTS = (
    "Alma", "Bruno", "Celia", "Dorian", "Edith", "Floyd", "Greta", "Homer", "Iris", "Jasper", "Karla", "Lloyd", "Mabel",
    "Norris", "Opal", "Percy", "Rhoda", "Silas", "Thelma", "Vernon", "Wilma", "Zelda",
)  # fmt: skip
_ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "w",
)
_VOWELS = ("a", "e", "i", "o", "u", "au", "ei")
_CODAS = ("ck", "ld", "mm", "nd", "rt", "ss", "ttel", "ven", "wig", "zer", "nholt", "bury", "ston", "field", "mann")
PLACES = (
    ("Sulphur", "OK", "73086"), ("Ardmore", "OK", "73401"), ("Ada", "OK", "74820"), ("Duncan", "OK", "73533"),
    ("Midland", "TX", "79701"), ("Odessa", "TX", "79761"), ("Tyler", "TX", "75701"), ("Enid", "OK", "73701"),
)  # fmt: skip
STREETS = ("Shepard Hills Rd", "Maple St", "Quarry Ln", "Chisholm Ave", "Pecan Dr", "Arbuckle Way", "Walnut St")
LIST_HEADER = ("First Name", "Last Name", "Phone", "Email", "Address", "City", "State", "Zip", "Updated", "Email 2")
RESULTS = ("Call connected", "Voicemail", "No Answer", "Busy", "Wrong Number", "Hang Up")
OWN_NUMBER = "+14052329000"
#: When things happen, and when our side works.
HOURS = (8, 11, 15)
_CREATED = "select crm_person_id from crm_steps where action = 'create' and state = 'applied'"
_MERGED = "select crm_person_id, merge_with_id from crm_steps where action = 'merge' and state = 'applied'"
SYNC_HOUR, LATE_HOUR = 22, 23
_Drawn = TypeVar("_Drawn", bound=Hashable)


@dataclass(frozen=True)
class Size:
    """How much happens. Shares are of the people, a day."""

    people: int
    calls: int
    days: int
    edits: float = 0.3
    lists: float = 0.2
    opt_outs: float = 0.06
    new: float = 0.04
    deletes: float = 0.015
    merges: float = 0.02
    is_whole: bool = False

    def times(self, share: float) -> int:
        """How often a day, at least once."""
        return max(1, round(self.people * share))


@dataclass
class World:
    """The servers, our side's lists, and everybody. `counts`: what has happened how often."""

    size: Size
    seed: int
    first_day: date
    settings: Settings
    database: Database
    crm: PipedriveServer
    phone: RingCentral
    humans: list[Human] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)
    fields: PersonFields | None = None
    chance: random.Random = field(init=False)
    by_email: dict[str, Human] = field(default_factory=dict)
    by_crm_id: dict[int, Human] = field(default_factory=dict)
    strangers_there: set[int] = field(default_factory=set)
    _asked: list[tuple[str, ...]] = field(default_factory=list)
    split: list[Human] = field(default_factory=list)
    _taken: set[Hashable] = field(default_factory=set)
    _rows: list[tuple[str, ...]] = field(default_factory=list)
    _created: set[int] = field(default_factory=set)
    _at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._at = datetime.combine(self.first_day, time(1))
        self.chance = random.Random(self.seed)

    # The beginning

    def populate(self, fields: PersonFields) -> None:
        """Most people are in the CRM, many of them on a first list too, some on the list alone."""
        self.fields = fields
        self.at(self._at)
        loaded: list[tuple[Human, dict[str, Any]]] = []
        for _ in range(self.size.people):
            human = self._new_human()
            kind = self.chance.random()
            if kind < 0.75:
                loaded.append((human, self._as_person(human, with_address=self.chance.random() < 0.6)))
            if kind > 0.35:
                self._on_list(human, with_address=kind > 0.5)
        moment = datetime.combine(self.first_day, time(0)) - timedelta(days=20)
        records = []
        for place, (_, record) in enumerate(loaded):
            at = f"{moment + timedelta(seconds=place):%Y-%m-%dT%H:%M:%SZ}"
            records.append({**record, "add_time": at, "update_time": at})
        answer = self.crm.load(persons=records)
        for place, (human, record) in enumerate(loaded):
            self._is_there(human, answer["first_id"] + place, record, at=moment + timedelta(seconds=place))
            human.touched_there = moment + timedelta(seconds=place)
        self.put_list("owners")
        self.strangers = [self._phone() for _ in range(max(5, self.size.people // 20))]

    # A day

    def live_day(self, day: date) -> None:
        """What happens on a day until our side works."""
        self._calls_of(day)
        for hour in HOURS:
            self.at(datetime.combine(day, time(hour)))
            share = 1 / len(HOURS)
            self._some(self.size.times(self.size.edits * share), self._edit)
            self._some(self.size.times(self.size.opt_outs * share), self._opt_out)
            if hour == 11:
                self.join()
                self._some(self.size.times(self.size.lists), self._list_row)
                self.put_list("leads")
            if hour == 15:
                self._ask_again()
                self._some(self.size.times(self.size.new), self._appear)
                self._some(self.size.times(self.size.deletes), self._delete)
                self._some(self.size.times(self.size.merges), self._merge)
                self._some(self.size.times(self.size.new), self._answer)

        if self._asked:
            text = csv_text(("phone", "channel", "opted out at", "reason"), self._asked)
            self._land(f"opt_outs_{self._at:%Y%m%d%H}.csv", text)
            self._asked = []

    def live_late(self, day: date) -> None:
        """What happens after our side has worked."""
        self.at(datetime.combine(day, time(LATE_HOUR)))
        self._some(self.size.times(self.size.edits / 4), self._edit)
        self._some(self.size.times(self.size.opt_outs / 4), self._opt_out_there)
        self._late_calls(day)

    def at(self, moment: datetime) -> None:
        """The servers' clocks say so from now on. Chance begins anew: an hour is the same whatever came before."""
        self._at = moment
        self.chance = random.Random(f"{self.seed} {moment}")
        self.crm.clock(f"{moment:%Y-%m-%dT%H:%M:%SZ}")
        self.phone.set_clock(f"{moment:%Y-%m-%dT%H:%M:%S.000Z}")

    def begin_sync(self, day: date) -> None:
        """Our side works now: what was said until now is decided by it."""
        self.at(datetime.combine(day, time(SYNC_HOUR)))
        for human in self.humans:
            human.settle()

    def end_sync(self) -> None:
        """Our side is done: whom it created and whom it merged in the CRM."""
        for (crm_id,) in query(self.database, _CREATED):
            if crm_id in self._created:
                continue
            self._created.add(crm_id)
            emails = {each["value"] for each in self.crm.person(crm_id)["emails"]}
            human = next(self.by_email[email] for email in sorted(emails & self.by_email.keys()))
            human.crm_ids.append(crm_id)
            human.was_there = True
            self.by_crm_id[crm_id] = human
        for gone, into in query(self.database, _MERGED):
            human = self.by_crm_id.get(gone)
            if human is None:
                self.strangers_there.add(gone)
            elif gone in human.crm_ids:
                human.crm_ids.remove(gone)
                human.merged[gone] = into

    def _address_there(self, crm_id: int) -> str | None:
        found = self.crm.person(crm_id)["custom_fields"].get(self._code("mailing_address"))
        return str(found["value"]) if found else None

    def _is_live(self, crm_id: int) -> bool:
        try:
            return not self.crm.person(crm_id)["is_deleted"]
        except AssertionError:  # not found
            return False

    def _seen(self, crm_id: int) -> set[str]:
        """The phones of a person of the CRM that our side has read: only those are ever taken away there."""
        found = query(self.database, "select record from crm_persons where crm_person_id = %s", (crm_id,))
        return {each["value"] for (record,) in found for each in json.loads(record)["phones"]}

    # What people do

    def _edit(self) -> None:
        """Somebody, or a program, edits a person in the CRM."""
        human = self._somebody(lambda each: len(each.crm_ids) == 1)
        if human is None:
            return
        source: Source = "app" if self.chance.random() < 0.6 else "api"
        kind = self.chance.choice(("name", "name", "phone", "phone-", "email", "address", "label"))
        person = self.crm.person(human.crm_ids[0])
        body: dict[str, Any] = {}
        if kind == "name" and not human.takes_another_name():
            kind = "label"
        if kind == "name":
            body["name"] = f"{human.first} {self._surname()}"
            human.name.said_there(body["name"], self._at, source)
        elif kind == "address":
            text = self._address_text()
            body["custom_fields"] = {self._code("mailing_address"): {"value": text}}
            human.address.said_there(text, self._at, source)
        elif kind == "phone":
            number = self._phone()
            body["phones"] = [*person["phones"], {"value": number, "label": "mobile"}]
            human.phones.add_there(number)
        elif kind == "email":
            email = f"{human.first}.{self.chance.randrange(10**6)}@{human.email.partition('@')[2]}".lower()
            body["emails"] = [*person["emails"], {"value": email, "label": "home"}]
            human.emails.add_there(email)
        elif kind == "phone-":
            seen = self._seen(human.crm_ids[0])
            gone = next((each["value"] for each in person["phones"] if each["value"] in seen), None)
            if gone is None:
                return
            body["phones"] = [each for each in person["phones"] if each["value"] != gone]
            human.phones.remove_there(gone)
        else:
            body["label_ids"] = [self.chance.randrange(1, 9)]
            if body["label_ids"] == person["label_ids"]:
                return
        self._change(human, body, source)
        self._count(f"{source} edits {kind}")

    def _change(self, human: Human, body: dict[str, Any], source: Source) -> None:
        user = 2 if source == "app" else 3
        self.crm.edit(human.crm_ids[0], **body, change_source=source, user_id=user)
        human.touched_there = self._at

    def _list_row(self) -> None:
        """A list of ours has somebody: as they are, or with something newer."""
        human = self._somebody(lambda each: len(each.crm_ids) < 2)
        if human is None or any(row[3] == human.email for row in self._rows):
            return
        kind = self.chance.choice(("name", "phone", "email", "address", "same"))
        if self.chance.random() < 0.15:
            human = self._new_human()
        if kind == "name" and not human.takes_another_name():
            kind = "same"
        self._on_list(human, kind)
        self._count(f"list brings {kind}")

    def _opt_out(self) -> None:
        """Somebody asks to be left alone, by whichever way."""
        self.chance.choice((self._opt_out_there, self._suppress, self._opt_out_list, self._stop_text, self._consent))()

    def _opt_out_there(self) -> None:
        human = self._asking(lambda each: len(each.crm_ids) == 1)
        if human is None:
            return
        person = self.crm.person(human.crm_ids[0])
        if self.chance.random() < 0.2 and person["emails"] and person["marketing_status"] != "unsubscribed":
            self._change(human, {"marketing_status": "unsubscribed"}, "app")
            human.asked("email", f"{self._at} unsubscribed in the CRM")
            self._count("unsubscribes")
            return
        code, options = self._code("do_not_contact"), self._options()
        there = set(person["custom_fields"].get(code) or [])
        if there and self.chance.random() < 0.15:
            # Taking it back does not count.
            self._change(human, {"custom_fields": {code: None}}, "app")
            self._count("opt-outs taken back in the CRM")
            return
        channel = self.chance.choice(("call", "sms", "email"))
        held = {"call": "phones", "sms": "phones", "email": "emails"}[channel]
        if not person[held] or options[channel] in there:
            return
        self._change(human, {"custom_fields": {code: sorted(there | {options[channel]})}}, "app")
        human.asked(channel, f"{self._at} in the CRM")
        self._count("opt-outs in the CRM")

    def _suppress(self) -> None:
        human = self._asking(lambda each: each.is_ours)
        if human is None:
            return
        channel = self.chance.choice(("call", "sms", "email", "all"))
        text = human.email if channel in ("email", "all") else human.phone
        if text == human.phone and human.phone not in human.phones.ours:
            return
        subject = subject_of(self.settings, self.database, text)
        # Known by its e-mail address only from the next import on: then it is about whoever has it.
        suppress(self.database, subject, channel, reason="month", at=self._at)  # type: ignore[arg-type]
        human.asked(channel, f"{self._at} cm suppress {text}")
        human.opted_out.append({"channel": channel, "key": text})
        self._count("cm suppress")

    def _ask_again(self) -> None:
        """Somebody whose opt-out both sides have asks for another channel too, on our side."""
        seen = (each for each in self.humans if each.is_ours and len(each.crm_ids) == 1 and "email" not in each.said)
        human = next((each for each in seen if each.said_before), None)
        if human is not None:
            suppress(self.database, subject_of(self.settings, self.database, human.email), "email", reason="month",
                     at=self._at)  # fmt: skip
            human.asked("email", f"{self._at} cm suppress {human.email}")
            human.opted_out.append({"channel": "email", "key": human.email})
            self._count("asked again")

    def _opt_out_list(self) -> None:
        human = self._asking(lambda each: each.phone in each.phones.ours)
        if human is None:
            return
        channel = self.chance.choice(("call", "sms", "all"))
        self._asked.append((human.phone, channel, f"{self._at:%Y-%m-%d %H:%M:%S}", "asked"))
        human.asked(channel, f"{self._at} opt-out list {human.phone}")
        human.opted_out.append({"channel": channel, "key": human.phone})
        self._count("opt-out lists")

    def _stop_text(self) -> None:
        human = self._asking(lambda each: each.phone in each.phones.ours)
        if human is None:
            return
        self.phone.add_messages([self._message(human.phone, "STOP")])
        human.asked("sms", f"{self._at} texted STOP from {human.phone}")
        human.opted_out.append({"channel": "sms", "key": human.phone})
        self._count("STOP texts")

    def _consent(self) -> None:
        human = self._asking(lambda each: each.phone in each.phones.ours)
        if human is None:
            return
        record = {
            "from": OWN_NUMBER, "to": human.phone, "optStatus": "OptOut", "source": "Recipient",
            "lastModifiedTime": f"{self._at:%Y-%m-%dT%H:%M:%S.000Z}",
        }  # fmt: skip
        self.phone.add_consents([record])
        human.asked("sms", f"{self._at} consent at RingCentral {human.phone}")
        human.opted_out.append({"channel": "sms", "key": human.phone})
        self._count("consents")

    def _appear(self) -> None:
        """Somebody new in the CRM: nobody knew them, or a list did, or they are there already."""
        kind = self.chance.random()
        if kind < 0.4:
            human = self._new_human()
        elif kind < 0.6:
            found = self._somebody(lambda each: each.is_ours and not each.was_there)
            if found is None:
                return
            human = found
        else:
            # The same person twice: by name, e-mail and one more phone, or by the name alone.
            found = self._somebody(lambda each: len(each.crm_ids) == 1 and not each.name.there and not each.name.ours)
            if found is None or found.name.value is None:
                return
            human = found
        source: Source = "app" if self.chance.random() < 0.7 else "api"
        record = self._as_person(human, with_address=not human.crm_ids and not human.is_ours)
        if human.crm_ids and kind < 0.8:
            record["phones"] = [*record["phones"], {"value": self._phone(), "label": "home"}]
        elif human.crm_ids:
            self._two_in_one(human, record)
        person = self.crm.control("persons", {**record, "change_source": source, "user_id": 2})
        self._is_there(human, person["id"], record)
        human.touched_there = self._at
        self._count("created there" if len(human.crm_ids) == 1 else "created there twice")

    def _two_in_one(self, human: Human, record: dict[str, Any]) -> None:
        """The record has nothing but the name in common: nobody can know, until a list has both e-mail addresses."""
        email = f"other@{human.last}{human.number}x{len(human.others)}.org".lower()
        record["phones"] = [{"value": self._phone(), "primary": True, "label": "home"}]
        record["emails"] = [{"value": email, "primary": True, "label": "home"}]
        human.others.append(email)
        self.by_email[email] = human
        self.split.append(human)
        self._count("two in one")

    def join(self) -> None:
        """A list says of some that both addresses are theirs."""
        for human in self.split:
            self._on_list(human, also=human.others[-1])
        self.split = []

    def _delete(self) -> None:
        # What was edited since our side worked last went with the person: nobody can say what it was.
        human = self._somebody(lambda each: len(each.crm_ids) == 1 and each.touched_there is None)
        if human is None:
            return
        crm_id = human.crm_ids.pop()
        self.crm.control(f"persons/{crm_id}?change_source=app", method="DELETE")
        # Where nobody is left who was edited by hand, what our lists say later is newer.
        human.name.by_hand = human.address.by_hand = False
        human.deleted.add(crm_id)
        self._count("deleted there")

    def _merge(self) -> None:
        """Somebody merges two people of the CRM who are one."""
        # As with deletes: what the one that goes was given since our side worked last, the CRM may keep from everybody.
        # Of two that we merged ourselves and had no answer about, only one is to be seen there.
        human = self._somebody(
            lambda each: len(each.crm_ids) == 2 and each.touched_there is None and all(map(self._is_live, each.crm_ids))
        )
        if human is None:
            return
        gone, into = self.chance.sample(human.crm_ids, 2)
        lost, kept = (self._address_there(crm_id) for crm_id in (gone, into))
        if lost and not kept:  # the CRM fills it in, in the name of who merges
            human.address.said_there(lost, self._at, "app")
        self.crm.control(f"persons/{gone}/merge", {"merge_with_id": into})
        human.crm_ids.remove(gone)
        human.merged[gone] = into
        human.touched_there = self._at
        self._count("merged there")

    def _answer(self) -> None:
        """Somebody whom only a list has calls us: they belong into the CRM."""
        human = self._somebody(lambda each: each.is_ours and each.phone in each.phones.ours and not each.was_there)
        if human is None:
            return
        at = self._at - timedelta(hours=1)
        call = {
            "id": f"IN{self._at:%m%d%H}{human.number}", "startTime": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
            "duration": 90, "direction": "Inbound", "action": "Phone Call", "result": "Accepted",
            "from": {"phoneNumber": human.phone}, "to": {"phoneNumber": OWN_NUMBER},
        }  # fmt: skip
        self.phone.add_calls([call])
        human.answered.append(at)
        self._count("calls of people on lists alone")

    # Calls

    def _calls_of(self, day: date) -> None:
        count = self.size.calls // self.size.days
        numbers = [human.phone for human in self.humans if human.was_there] + self.strangers
        start = datetime.combine(day, time(0))
        self.phone.generate_calls(
            count, f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{start + timedelta(hours=23, minutes=50):%Y-%m-%dT%H:%M:%SZ}",
            seed=self.chance.randrange(10**9), numbers=numbers, prefix=f"C{day:%m%d}-",
        )  # fmt: skip
        self._count("calls", count)

    def _late_calls(self, day: date) -> None:
        """Calls of today and yesterday become something else."""
        count = self.size.calls // self.size.days
        for _ in range(max(2, count // 50)):
            of = day - timedelta(days=self.chance.choice((0, 0, 1)))
            if of < self.first_day:
                continue
            call_id = f"C{of:%m%d}-{self.chance.randrange(count * 9 // 10):08d}"
            self.phone.change_call(call_id, result=self.chance.choice(RESULTS), duration=self.chance.randrange(1, 500))
            self._count("calls changed late")

    def _message(self, number: str, text: str) -> dict[str, Any]:
        return {
            "direction": "Inbound", "type": "SMS", "subject": text, "from": {"phoneNumber": number},
            "to": [{"phoneNumber": OWN_NUMBER}], "creationTime": f"{self._at:%Y-%m-%dT%H:%M:%S.000Z}",
        }  # fmt: skip

    # Parts

    def _on_list(self, human: Human, kind: str = "same", *, with_address: bool = False, also: str = "") -> None:
        """A row of the list that is being written."""
        is_known = human.is_ours or human.was_there
        name = human.name.value if human.name.there is None else human.name.there[0]
        if kind == "name" or name is None:
            name = f"{human.first} {self._surname() if kind == 'name' else human.last}"
        phone = human.phone
        if kind == "phone" and is_known:
            phone = self._phone()
        human.phones.ours.add(phone)
        email = human.email
        human.emails.ours.add(email)
        street, place = "", ("", "", "")
        if kind == "address" or with_address:
            street, place = self._address()
            human.address.said_here(f"{street}, {place[0]}, {place[1]} {place[2]}", self._at)
        if kind == "name" or not is_known:
            human.name.said_here(name, self._at)
        first, _, last = name.rpartition(" ")
        self._rows.append((first, last, phone, email, street, *place, f"{self._at:%Y-%m-%d %H:%M:%S}", also))
        human.is_ours = True

    def put_list(self, name: str) -> None:
        """The rows so far become a list that arrives."""
        if self._rows:
            self._land(f"{name}_{self._at:%Y%m%d%H}.csv", csv_text(LIST_HEADER, self._rows))
            self._rows = []

    def _land(self, name: str, text: str) -> None:
        landing_zone(self.settings).put_bytes(text.encode(), f"raw-uploads/{self._at:%Y/%m/%d/%H}/{name}")

    def _as_person(self, human: Human, *, with_address: bool) -> dict[str, Any]:
        name = human.name.value or (human.name.ours[0] if human.name.ours else f"{human.first} {human.last}")
        record: dict[str, Any] = {
            "name": name,
            "emails": [{"value": human.email, "primary": True, "label": "work"}],
            "phones": [{"value": self._number_of(human), "primary": True, "label": "work"}],
        }
        if with_address:
            text = self._address_text()
            record["custom_fields"] = {self._code("mailing_address"): {"value": text}}
        return record

    def _number_of(self, human: Human) -> str:
        """A number for a record of the person: not one taken away from another record of theirs, since what was
        removed from either of two that are merged stays removed.
        """
        if human.phone not in human.phones.removed:
            return human.phone
        return min(human.phones.there, default=None) or self._phone()

    def _is_there(self, human: Human, crm_id: int, record: dict[str, Any], *, at: datetime | None = None) -> None:
        """The person is in the CRM as of now: what it was created with is nobody's edit by hand."""
        moment = at or self._at
        self.by_crm_id[crm_id] = human
        human.crm_ids.append(crm_id)
        for point in record["phones"]:
            human.phones.add_there(point["value"])
        for point in record["emails"]:
            human.emails.add_there(point["value"])
        if not human.was_there:
            if human.name.value is None and human.name.ours is None:
                human.name.said_there(record["name"], moment, "api")
            for value in (record.get("custom_fields") or {}).values():
                human.address.said_there(value["value"], moment, "api")
        human.was_there = True

    def _new_human(self) -> Human:
        number = len(self.humans) + 1
        first, last = self.chance.choice(FIRSTS), self._surname()
        human = Human(number, first, last, f"{first}@{last}{number}.net".lower(), self._phone())
        self.humans.append(human)
        self.by_email[human.email] = human
        return human

    # Among 20,000 people chance alone gives some two the same name in one ZIP, or one house and first name: our rules
    # make them one, and here it is known that they are not.

    def _surname(self) -> str:
        """A surname that nobody else has."""
        return self._only_once(self._any_surname)

    def _any_surname(self) -> str:
        parts = [self.chance.choice(_ONSETS) + self.chance.choice(_VOWELS) for _ in range(2)]
        return ("".join(parts) + self.chance.choice(_CODAS)).capitalize()

    def _phone(self) -> str:
        """A number that nobody else has."""
        return self._only_once(self._any_phone)

    def _any_phone(self) -> str:
        area = self.chance.choice(("405", "580", "918", "432", "903"))
        while True:
            exchange = self.chance.randrange(220, 990)
            if exchange % 100 != 11 and exchange != 555:
                break
        return f"+1{area}{exchange}{self.chance.randrange(10_000):04d}"

    def _address(self) -> tuple[str, tuple[str, str, str]]:
        """A house that nobody else has."""
        return self._only_once(
            lambda: (f"{self.chance.randrange(100, 9_900)} {self.chance.choice(STREETS)}", self.chance.choice(PLACES))
        )

    def _only_once(self, draw: Callable[[], _Drawn]) -> _Drawn:
        """What is drawn, again and again until nobody has it."""
        while (found := draw()) in self._taken:
            pass
        self._taken.add(found)
        return found

    def _address_text(self) -> str:
        street, place = self._address()
        return f"{street}, {place[0]}, {place[1]} {place[2]}"

    def _somebody(self, fits: Callable[[Human], bool]) -> Human | None:
        """Somebody of whom it holds, if chance meets one."""
        for _ in range(200):
            if fits(found := self.chance.choice(self.humans)):
                return found
        return None

    def _asking(self, fits: Callable[[Human], bool]) -> Human | None:
        """Somebody who asks to be left alone: often one who did so before, on another channel or by another way."""
        if self.chance.random() < 0.5 and (found := self._somebody(lambda each: bool(each.said) and fits(each))):
            return found
        return self._somebody(fits)

    def _code(self, key: str) -> str:
        assert self.fields is not None
        return self.fields.codes[key]

    def _options(self) -> dict[str, int]:
        assert self.fields is not None
        return {label.lower(): number for number, label in self.fields.options[self._code("do_not_contact")].items()}

    def _some(self, times: int, act: Callable[[], None]) -> None:
        for _ in range(times):
            act()

    def _count(self, what: str, times: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + times
