"""Facts about many contact points at once, read out of MySQL in a few set queries.

What is asked for goes into a temporary table and is joined; how much is asked for makes no difference to the number of
queries. What the facts mean is in `findings`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from cm_core.compliance import lookup_statements as statements
from cm_core.compliance.facts import (
    OF_EVERY_HOLDER,
    OF_THE_PERSON,
    Contact,
    Fact,
    Facts,
    Home,
    Kind,
    Listing,
    Lists,
    OptOut,
    Reach,
    Touch,
)
from cm_core.compliance.listings import held_lists, listings_of
from cm_core.compliance.lookup_statements import KINDS
from cm_core.compliance.rules import Rules
from cm_core.imports.forgotten import key_of_hashes
from cm_core.store.packets import read_rows

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.settings import Settings

_CHUNK = 5_000
_SPREAD = (*sorted(OF_THE_PERSON | OF_EVERY_HOLDER),)


@dataclass(frozen=True, slots=True)
class Holding:
    """A contact point as one entity has it, or as such where nobody has it; `line_type` as the entity's rows say."""

    entity_id: int | None
    line_type: str | None
    facts: Facts


def line_type_of(contact: Contact, held: Holding) -> str | None:
    """The type of a number's line: as a list says, or as we know; mobile, which is stricter, if either says so."""
    return "mobile" if held.line_type == "mobile" else contact.line_type or held.line_type


@dataclass(frozen=True, slots=True)
class Asked:
    """A contact point to look up, and where it lies, if it is a postal address."""

    contact: Contact
    home: Home | None = None


def facts_for(
    settings: Settings,
    connection: Connection[Any],
    kind: Kind,
    asked: Sequence[Asked],
    *,
    at: datetime,
    rules: Rules,
    entity_id: int | None = None,
) -> dict[str, list[Holding]]:
    """What is known of contact points of one kind, by their key: one holding for each entity that has it, at least one.

    With `entity_id`, all are asked about for that entity, whether they are valid or not. Makes temporary tables in the
    connection; call it inside `looking`, so that all queries see one state. Raises SettingsError where people had their
    data deleted and the key of their hashes is lost. Touches before the longest cap's hours and
    list versions that no longer matter at `at` are left out.
    """
    reader = _Reader(settings, connection, kind, rules, at)
    return reader.read(asked, entity_id)


class _Reader:
    """One reading: of contact points, of the entities that have them, of what those have beside."""

    def __init__(self, settings: Settings, connection: Connection[Any], kind: Kind, rules: Rules, at: datetime) -> None:
        self._settings, self._connection, self._kind, self._at = settings, connection, kind, at
        self._names = KINDS[kind]
        hours = max((cap.window_hours for cap in rules.caps), default=0)
        self._since = at - timedelta(hours=hours)
        self._opt_outs: dict[object, list[OptOut]] = defaultdict(list)
        self._facts: dict[object, list[Fact]] = defaultdict(list)
        self._touches: dict[object, list[Touch]] = defaultdict(list)
        self._homes: dict[int, list[Home]] = defaultdict(list)
        self._types: dict[int, set[str]] = defaultdict(set)

    def read(self, asked: Sequence[Asked], entity_id: int | None) -> dict[str, list[Holding]]:
        keys = {one.contact.key: one.home.zip5 if one.home else None for one in asked if not one.contact.invalid_reason}
        self._ask(keys, entity_id)
        holders = self._holders()
        surnames = dict(self._rows(statements.SHARED, (self._kind,))) if keys else {}
        lists = held_lists(self._connection, self._at) if self._kind == "phone" else Lists()
        listings: Mapping[str, list[Listing]] = {}
        if self._kind == "phone":
            listings = listings_of(self._settings, self._connection, [*keys])
        self._read_contacts()
        self._read_hashes(keys)
        if holders or entity_id is not None:
            self._read_entities()
        self._execute(statements.DROP)
        found: dict[str, list[Holding]] = {}
        nobody = [Holding(None, None, Facts(lists=lists))]
        named = (holders, surnames, listings, self._opt_outs, self._facts, self._touches)
        for one in asked:
            key = one.contact.key
            if entity_id is None and one.home is None and not any(key in known for known in named):
                found[key] = nobody
            elif key not in found:
                had: Mapping[int | None, str | None] = holders.get(key) or {None: None}
                if entity_id is not None:
                    had = {entity_id: had.get(entity_id)}
                own = () if one.home is None else (one.home,)
                found[key] = [
                    Holding(
                        entity, line, self._compose(key, entity, own, lists, listings.get(key, ()), surnames.get(key))
                    )
                    for entity, line in had.items()
                ]
        return found

    def _ask(self, keys: Mapping[str, str | None], entity_id: int | None) -> None:
        names = {"key_type": self._names.key_type, "ascii": statements.ASCII}
        self._execute(statements.DROP)
        self._execute(statements.CREATE_ASKED.format(**names))
        self._execute(statements.CREATE_HOLDERS.format(**names))
        self._execute(statements.CREATE_ENTITIES)
        self._execute(statements.CREATE_MEMBERS)
        self._insert(statements.ADD_ASKED, keys.items())
        if self._kind == "address":
            for statement in statements.ADD_ADDRESS_HOLDERS:
                self._execute(statement)
        else:
            phone_type = "c.phone_type" if self._kind == "phone" else "null"
            self._execute(
                statements.ADD_HOLDERS.format(table=self._names.table, key=self._names.key, phone_type=phone_type)
            )
        if entity_id is None:
            self._execute(statements.ADD_ENTITIES)
        else:
            self._execute(statements.ADD_ENTITY, (entity_id,))
        self._execute(statements.ADD_MEMBERS)

    def _holders(self) -> dict[str, dict[int | None, str | None]]:
        """By contact point the entities that have it, and the line type that the newest row knows that knows one."""
        found: dict[str, dict[int | None, str | None]] = {}
        known: dict[tuple[str, int], str] = {}
        for key, entity, line, at in self._bulk(statements.HOLDERS, ("text", "int", "text", "text")):
            lines = found.setdefault(key, {})
            lines.setdefault(entity, None)
            if line is not None and known.get((key, entity), "") < at:
                known[key, entity], lines[entity] = at, line
        for lines in found.values():  # a line is a line, whoever's row says what it is
            if "mobile" in lines.values():
                lines.update({entity: "mobile" for entity, line in lines.items() if line is None})
        return found

    def _read_contacts(self) -> None:
        """What names the contact points themselves."""
        for key, *request in self._rows(statements.OPT_OUTS_OF_CONTACTS.format(asked_by=self._names.asked_by)):
            self._opt_outs[key].append(_opt_out("contact", *request))
        for key, *row in self._rows(statements.FACTS_OF_CONTACTS, (self._kind,)):
            self._facts[key].append(_fact("contact", *row))
        if self._kind != "address":
            query = statements.TOUCHES_OF_CONTACTS.format(asked_by=self._names.asked_by)
            for key, channel, at, campaign in self._rows(query, (self._since,)):
                self._touches[key].append(Touch(channel, at, _campaign(campaign)))

    def _read_hashes(self, keys: Iterable[str]) -> None:
        """Of contact points whose person had the data deleted only a hash is there."""
        made = self._rows(statements.KEYS_OF_HASHES)
        if not made or self._kind == "address":
            return
        secret = key_of_hashes(self._settings, {value for value, _ in made}, sum(count for _, count in made))
        hashed = {secret.hashed(self._kind, key): key for key in keys}
        self._others(f"varchar(64) {statements.ASCII}", hashed)
        for row in self._rows(statements.FACTS_OF_HASHES):
            self._facts[hashed[row[3]]].append(_fact("contact", *row))

    def _read_entities(self) -> None:
        """What names the entities, or other contact points that they have."""
        for entity, state, zip5 in self._bulk(statements.HOMES, ("int", "text", "text")):
            self._homes[entity].append(Home(state, zip5))
        for entity, kind in self._rows(statements.ENTITY_TYPES):
            self._types[entity].add(kind)
        for entity, channel, at, campaign in self._rows(statements.TOUCHES_OF_PERSONS, (self._since,)):
            self._touches[entity].append(Touch(channel, at, _campaign(campaign)))
        named = set()
        for entity, *request in self._rows(statements.OPT_OUTS_OF_PERSONS):
            named.add((entity, request[0]))
            self._opt_outs[entity].append(_opt_out("person", *request))
        for entity, *row in self._rows(statements.FACTS_OF_PERSONS, (_SPREAD,)):
            self._facts[entity].append(_fact("person", *row))
        for kind in KINDS:
            self._read_others(kind, named)

    def _read_others(self, kind: str, named: set[tuple[int, int]]) -> None:
        names = KINDS[kind]
        query = statements.OPT_OUTS_OF_OTHERS.format(table=names.table, key=names.key, asked_by=names.asked_by)
        requests = [row for row in self._rows(query) if (row[0], row[2]) not in named]
        query = statements.FACTS_OF_OTHERS.format(table=names.table, key=names.key)
        facts = self._rows(query, (kind, _SPREAD))
        alone, crowded = self._counted(kind, {row[1] for row in requests} | {row[4] for row in facts})
        for entity, key, *request in requests:
            if key not in crowded:
                reach: Reach = "person" if key in alone or kind == "name_zip" else "shared"
                self._opt_outs[entity].append(_opt_out(reach, *request))
        for entity, *row in facts:
            if kind == "name_zip" or row[1] in OF_EVERY_HOLDER or (row[3] in alone and row[3] not in crowded):
                self._facts[entity].append(_fact("person", *row))

    def _counted(self, kind: str, keys: set[str]) -> tuple[set[str], set[str]]:
        """Of contact points those that one entity alone has, and those that too many surnames share."""
        if not keys:
            return set(), set()
        names = KINDS[kind]
        self._others(names.key_type, keys)
        query = statements.COUNT_ADDRESS_HOLDERS if kind == "address" else statements.COUNT_HOLDERS
        counts = self._rows(query.format(table=names.table, key=names.key))
        crowded = {key for (key,) in self._rows(statements.SHARED_OTHERS, (kind,))}
        return {key for key, entities in counts if entities == 1}, crowded

    def _others(self, key_type: str, keys: Iterable[str]) -> None:
        self._execute(statements.DROP_OTHERS)
        self._execute(statements.CREATE_OTHERS.format(key_type=key_type))
        self._insert(statements.ADD_OTHERS, ((key,) for key in keys))

    def _compose(
        self,
        key: str,
        entity: int | None,
        own: tuple[Home, ...],
        lists: Lists,
        listings: Iterable[Listing],
        surnames: int | None,
    ) -> Facts:
        types = self._types.get(entity, ()) if entity is not None else ()
        return Facts(
            lists=lists,
            opt_outs=(*self._opt_outs.get(key, ()), *self._opt_outs.get(entity, ())),
            facts=(*self._facts.get(key, ()), *self._facts.get(entity, ())),
            listings=tuple(listings),
            touches=(*self._touches.get(key, ()), *self._touches.get(entity, ())),
            homes=own if entity is None else (*own, *self._homes.get(entity, ())),
            is_estate="estate" in types,
            is_trust="trust" in types,
            surnames=surnames,
        )

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall())

    def _bulk(self, query: str, types: Sequence[Literal["int", "text"]]) -> Iterable[tuple[Any, ...]]:
        """Rows of a query that may give very many, by the bulk decoder."""
        for columns in read_rows(self._connection, query, width=len(types)):
            casts = [c.cast(pa.int64()) if kind == "int" else c for c, kind in zip(columns, types, strict=True)]
            yield from zip(*(column.to_pylist() for column in casts), strict=True)

    def _execute(self, statement: str, parameters: Sequence[object] = ()) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def _insert(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        batch = list(rows)
        with self._connection.cursor() as cursor:
            for begin in range(0, len(batch), _CHUNK):
                cursor.execute(statement, (json.dumps(batch[begin : begin + _CHUNK]),))


def _opt_out(reach: Reach, opt_out_id: int, channel: str, at: datetime, *rest: Any) -> OptOut:
    phone, email, address, name_zip, source, import_id, row_number = rest
    by = phone or email or address or name_zip or "person"
    where = f", {import_id} row {row_number}" if import_id else ""
    evidence = f"opt_outs {opt_out_id}: asked {at.date()} for {channel} by {by}, source {source}{where}"
    return OptOut(channel, at, reach, evidence)


def _fact(reach: Literal["contact", "person"], fact_id: int, name: str, kind: str, key: str, *rest: Any) -> Fact:
    channel, value, starts_at, ends_at, source, import_id, row_number = rest
    where = f", {import_id} row {row_number}" if import_id else ""
    said = f"{name} {value}" if value else name
    evidence = f"contact_facts {fact_id}: {said} since {starts_at.date()}, source {source}{where}"
    return Fact(name, channel, value, starts_at, ends_at, reach, f"{kind}:{key}", evidence)


def _campaign(name: str | None) -> str | None:
    return name.upper() if name else None
