"""Who is looked at when a push is planned: people of the CRM with their golden records, and who may be created there.

People of the CRM who have not been imported yet belong to nobody: whoever has the number or mailbox of one of them, or
is named by it, is not created, but waits for the import.

Read in a few set queries, however many people there are. What is to be done about them is `plan`.

Only natural persons are created: Pipedrive keeps organisations as things of another kind. A person of the CRM whose
golden record is an organisation, a trust or an estate is kept up to date like any other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compliance.rules import CHANNELS, Rules
from cm_core.compute import sql
from cm_core.crm import population_statements as statements
from cm_core.crm.contact_keys import email_keys, phone_keys, phone_text
from cm_core.crm.do_not_contact import channels_closed
from cm_core.crm.fields import PersonFields
from cm_core.crm.merge_fields import SINGLE, VERDICTS, Agreed, Author, Point, Side, Text
from cm_core.crm.records import PersonRecord, moment, normal
from cm_core.crm.sides import LONGEST, THERE, AddressKeys, named, theirs_of
from cm_core.errors import CmError
from cm_core.store.bulk import fetch, load

if TYPE_CHECKING:
    from pymysql.connections import Connection

_AT_ONCE = 2_000
_INT, _TEXT, _TIME, _FLAG = pa.int64(), pa.string(), pa.timestamp("us"), pa.int64()
_SCHEMAS = {
    "crm_persons": pa.schema(
        [("crm_person_id", _INT), ("state", _TEXT), ("merged_into", _INT), ("record", _TEXT), ("agreed", _TEXT),
         ("manual", _TEXT), ("entity_id", _INT), ("has_landed", _FLAG), ("said", _TEXT)]
    ),
    "links": pa.schema([("id_value", _TEXT), ("entity_id", _INT), ("source_date", _TIME)]),
    "created": pa.schema([("entity_id", _INT), ("crm_person_id", _INT), ("state", _TEXT)]),
    "successors": pa.schema([("entity_id", _INT), ("successor_id", _INT)]),
    "candidates": pa.schema([("entity_id", _INT), ("why", _TEXT), ("channel", _TEXT), ("answered_at", _TIME)]),
    "golden": pa.schema(
        [("entity_id", _INT), ("entity_type", _TEXT), ("display_name", _TEXT), ("name_source_date", _TIME)]
    ),
    "phones": pa.schema(
        [("entity_id", _INT), ("contact_key", _TEXT), ("phone_e164", _TEXT), ("extension", _TEXT),
         ("phone_type", _TEXT), ("is_primary", _FLAG), ("source_date", _TIME)]
    ),
    "emails": pa.schema(
        [("entity_id", _INT), ("contact_key", _TEXT), ("email", _TEXT), ("is_primary", _FLAG), ("source_date", _TIME)]
    ),
    "addresses": pa.schema([("entity_id", _INT), ("address", _TEXT), ("source_date", _TIME)]),
    "verdicts": pa.schema(
        [("entity_id", _INT), ("channel", _TEXT), ("contact", _TEXT), ("is_primary", _FLAG), ("verdict", _TEXT),
         ("reason", _TEXT), ("checked_at", _TIME)]
    ),
}  # fmt: skip
_LABELS = {"mobile": "mobile", "landline": "home", "voip": "other", "fax": "other"}
#: Facts about a person that is not to be put into the CRM.
NEVER_CREATED = frozenset({"deceased", "privacy_deletion"})

_OWNED_BY = """
select o.entity_id, c.crm_person_id, c.record, c.agreed, c.manual, c.has_landed = 1, coalesce(c.entity_id, 0), c.said
from owned as o
inner join crm_persons as c on c.crm_person_id = o.crm_person_id
where o.entity_id in (select unnest($entities))
order by o.entity_id, c.crm_person_id
"""
_UNOWNED = """
select count(*) from crm_persons where state = 'live' and crm_person_id not in (select crm_person_id from owned)
"""
_NOT_IN_MARTS = """
select count(distinct entity_id) from owned where entity_id not in (select entity_id from ours)
"""
_HAD_SOMEBODY = """
select count(*)
from candidates
where entity_id not in (select entity_id from candidates_left) and entity_id not in (select entity_id from owned)
    and entity_id not in (select entity_id from elsewhere)
"""
#: Who is not looked at, or not created, and how many.
_LEFT_OUT = {
    "in the CRM without one of ours yet": _UNOWNED,
    "whose CRM person is another's too": "select count(distinct entity_id) from elsewhere",
    "not in the marts yet": _NOT_IN_MARTS,
    "deleted, merged or being created there": _HAD_SOMEBODY,
}
_OURS = "select * from ours order by entity_id"
_TEXTS = "select address from ours where address is not null"


#: An entity's number, among match keys.
_ENTITY = "entity {}"
_LIVE_UNOWNED = """
select record from crm_persons where state = 'live' and crm_person_id not in (select crm_person_id from owned)
"""


class MartsMissing(CmError):
    """The marts that a push reads have not been built."""

    retryable = False


@dataclass(frozen=True)
class CrmPerson:
    """A live person of the CRM as last read. `has_landed`: that reading has landed for import. `said`: when others than
    us gave single values there, as far as it is known. `read_at`: when the CRM was asked (`time.monotonic`), if
    it just was.
    """

    id: int
    record: PersonRecord
    agreed: Agreed
    manual: dict[str, Any]
    has_landed: bool
    entity_id: int
    agreed_text: str | None = None
    said: Mapping[str, datetime] = field(default_factory=dict)
    read_at: float = -math.inf

    def side(self, fields: PersonFields, keys: AddressKeys) -> Side:
        """The person as a side. A record's own time is that of its last change, of whatever field and by whomever."""
        found = theirs_of(self.record, fields, keys)
        return replace(found, at={**found.at, **self.said})

    @property
    def authors(self) -> dict[str, Author]:
        """Who gave single values, as far as it is known."""
        return authors_of(self.manual)


@dataclass(frozen=True)
class Pair:
    """A golden record and the live people of the CRM that are it: none (a candidate), one, or several."""

    entity_id: int
    entity_type: str
    ours: Side
    checked_at: datetime | None
    reasons: frozenset[str]
    theirs: tuple[CrmPerson, ...]


@dataclass
class Population:
    """Everybody, in DuckDB. `left_out`: who is not looked at, by reason."""

    con: duckdb.DuckDBPyConnection
    left_out: dict[str, int] = field(default_factory=dict)
    #: Match keys and entity numbers of people of the CRM who are nobody's yet.
    not_imported: frozenset[str] = frozenset()

    def texts(self) -> list[str]:
        """The addresses of all golden records."""
        return [text for (text,) in self.con.execute(_TEXTS).fetchall()]

    def pairs(self, keys: AddressKeys) -> Iterator[Pair]:
        """One by one, by entity. Candidates that may not be created are counted, not given."""
        cursor = self.con.execute(_OURS)
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            theirs: dict[int, list[CrmPerson]] = {}
            entities = [row["entity_id"] for row in some]
            for entity_id, *person in self.con.execute(_OWNED_BY, {"entities": entities}).fetchall():
                theirs.setdefault(entity_id, []).append(crm_person(*person))
            keys.learn(row["address"] for row in some)
            for row in some:
                pair = Pair(
                    row["entity_id"], row["entity_type"], ours_of(row, keys), row["checked_at"],
                    frozenset(row["reasons"]), tuple(theirs.get(row["entity_id"], ())),
                )  # fmt: skip
                if pair.theirs or not (why := self._barred(pair)):
                    yield pair
                else:
                    self.left_out[why] = self.left_out.get(why, 0) + 1

    def _barred(self, pair: Pair) -> str | None:
        """Why a candidate may not be created."""
        ours = pair.ours
        if pair.entity_type != "person":
            return "organisations are not created"
        if pair.reasons & NEVER_CREATED:
            return "deceased, or had their data deleted"
        if ours.do_not_contact >= set(CHANNELS):
            return "may not be contacted at all"
        keys = ours.keys("phones") | ours.keys("emails") | {_ENTITY.format(pair.entity_id)}
        if not self.not_imported.isdisjoint(keys):
            return "perhaps in the CRM already, by somebody who has not been imported yet"
        if not ours.name.key or not (ours.phones or ours.emails or ours.address.key):
            return "without a name or a contact point"
        return None


def read_population(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, rules: Rules, *, at: datetime, fields: PersonFields,
    candidates: bool = True,
) -> Population:  # fmt: skip
    """Read everybody into `con`, as the connection sees them. Makes temporary tables in it.

    Raises MartsMissing where the marts were not built. Without `candidates` only people who are in the CRM.
    """
    _check_marts(connection)
    read_owners(connection, con, candidates=candidates)
    _want(connection, con, "select entity_id from owned union select entity_id from candidates_left")
    read_ours(connection, con, rules, at=at)
    population = Population(con, not_imported=_not_imported(con, fields))
    for why, query in _LEFT_OUT.items():
        if count := int(con.execute(query).fetchall()[0][0]):
            population.left_out[why] = count
    return population


def _not_imported(con: duckdb.DuckDBPyConnection, fields: PersonFields) -> frozenset[str]:
    found: set[str] = set()
    for (text,) in con.execute(_LIVE_UNOWNED).fetchall():
        record = normal(json.loads(text))
        found.update(key for point in record.phones for key in phone_keys(point.value))
        found.update(key for point in record.emails for key in email_keys(point.value))
        if entity := fields.value(record, "cm_entity"):
            found.add(_ENTITY.format(entity))
    return frozenset(found)


def read_owners(connection: Connection[Any], con: duckdb.DuckDBPyConnection, *, candidates: bool) -> None:
    """Who of the CRM belongs to which entity: the tables of population_who.sql."""
    for name, query in (
        ("crm_persons", statements.CRM_PERSONS), ("links", statements.LINKS), ("created", statements.CREATED),
        ("successors", statements.SUCCESSORS),
    ):  # fmt: skip
        _fetch(connection, con, name, query)
    _fetch(connection, con, "candidates", statements.CANDIDATES if candidates else f"{statements.CANDIDATES} limit 0")
    con.execute(sql("cm_core.crm", "population_who.sql"))


def read_ours(connection: Connection[Any], con: duckdb.DuckDBPyConnection, rules: Rules, *, at: datetime) -> None:
    """The golden records of the entities in MySQL's `crm_wanted`: the table `ours`."""
    for name, query in (
        ("golden", statements.GOLDEN), ("phones", statements.PHONES), ("emails", statements.EMAILS),
        ("addresses", statements.ADDRESSES),
    ):  # fmt: skip
        _fetch(connection, con, name, query)
    con.execute("drop table if exists verdicts")
    for channel in CHANNELS:
        fetch(connection, statements.VERDICTS.format(channel=channel), (), con, "verdicts", _SCHEMAS["verdicts"])
    channels_closed(connection, con, rules, at=at)
    con.execute(sql("cm_core.crm", "population_ours.sql"))


def want(connection: Connection[Any], con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Put the entities that a DuckDB query names into MySQL's temporary table `crm_wanted`."""
    _want(connection, con, query)


def crm_person(
    crm_person_id: int, record: str, agreed: str | None, manual: str | None, has_landed: bool, entity_id: int,
    said: str | None = None,
) -> CrmPerson:  # fmt: skip
    """A row of `crm_persons`."""
    return CrmPerson(
        int(crm_person_id), normal(json.loads(record)), Agreed.from_json(json.loads(agreed) if agreed else None),
        json.loads(manual) if manual else {}, bool(has_landed), int(entity_id or 0), agreed, said_of(said),
    )  # fmt: skip


def said_of(text: str | None) -> dict[str, datetime]:
    """`crm_persons.said` under the names of sides."""
    found = json.loads(text) if text else {}
    return {name: at for name in SINGLE if (at := moment(found.get(THERE.get(name, name))))}


def authors_of(manual: dict[str, Any]) -> dict[str, Author]:
    """Who gave single values, out of `crm_persons.manual`: `app` is a person, `api` a machine; others are not known."""
    found: dict[str, Author] = {}
    for name in ("name", "address"):
        source = (manual.get(THERE.get(name, name)) or {}).get("source")
        if source in ("app", "asked"):
            found[name] = "person"
        elif source in ("api", "created"):
            found[name] = "machine"
    return found


def ours_of(row: dict[str, Any], keys: AddressKeys) -> Side:
    """A row of the table `ours` as a side."""
    phones = tuple(
        Point(phone_text(p["e164"], p["extension"]), (p["key"],), _LABELS.get(p["kind"] or "", "other"), p["first"])
        for p in row["phones"]
    )
    emails = tuple(Point(e["email"], (e["key"],), "other", e["first"]) for e in row["emails"])
    words = {name: (row[name] or "")[:LONGEST] for name in VERDICTS.values()}
    at = {"name": row["name_at"], "address": row["address_at"]}
    name = named(row["name"])
    return Side(
        name=Text((name.text or "")[:LONGEST] or None, name.key),
        address=Text(row["address"], keys.of(row["address"])),
        phones=phones,
        emails=emails,
        do_not_contact=frozenset(row["do_not_contact"]),
        own={"cm_entity": str(row["entity_id"]), **words},
        at={name: moment for name, moment in at.items() if moment is not None},
    )


def _check_marts(connection: Connection[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statements.MARTS_THERE, (statements.MARTS,))
        there = {name for (name,) in cursor.fetchall()}
    if missing := [name for name in statements.MARTS if name not in there]:
        raise MartsMissing(
            f"The marts {', '.join(missing)} are not there yet: `cm dedupe` builds them, and so does the UI."
        )


def _want(connection: Connection[Any], con: duckdb.DuckDBPyConnection, query: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements.WANTED:
            cursor.execute(statement)
    load(connection, con, query, "crm_wanted", ("entity_id",))


def _fetch(connection: Connection[Any], con: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    con.execute(f"drop table if exists {name}")
    fetch(connection, query, (), con, name, _SCHEMAS[name])
