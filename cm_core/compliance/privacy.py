"""Deleting what is known of a person who asks for it (Tex. Bus. & Com. Code 541.051, Cal. Civ. Code 1798.105).

Names, contact points and identifiers go out of the canonical tables; the person's row, its ids and source rows stay, so
that links and the audit hold, with facts that block it. Keyed hashes of its contact points stay too, by which imports
refuse to bring the person back (`cm_core.imports.forgotten`). Landed files and staged rows are never changed: which of
them hold rows of the person is handed to the operator. What people asked for stays as they asked it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from cm_core.compliance import privacy_statements as statements
from cm_core.compliance.applying import execute
from cm_core.compliance.by_hand import SOURCE, add_by_hand, moment_of, record, said
from cm_core.compliance.subjects import Subject, golden_in
from cm_core.errors import UsageError
from cm_core.imports.forgotten import PrivacyKey, key_for_hashing
from cm_core.imports.records import now
from cm_core.settings import Settings
from cm_core.store import changes
from cm_core.store.database import Database

if TYPE_CHECKING:
    from pymysql.connections import Connection

FACT = "privacy_deletion"
#: The value of the fact of a person whose data is gone. Without it the person is only blocked.
ERASED = "erased"
#: Contact points that a list would bring somebody back by.
_HASHED = ("phone", "email", "name_zip")
#: The rows of a staged list of deletions, plainly; in `contact_facts` only their hashes come.
_ROWS = "select row_number, contact_kind, contact_key, starts_at, reason, source from deletion_rows order by row_number"


@dataclass(frozen=True)
class _Request:
    """When it was made, the columns that say where it comes from, and the import that brought it, if one did."""

    at: datetime
    words: dict[str, Any]
    import_id: str | None = None


@dataclass(frozen=True)
class Source:
    """An import that holds rows of a person: the landed file, and which rows."""

    import_id: str
    filename: str
    location: str
    rows: list[int]


@dataclass(frozen=True)
class Deleted:
    """What a deletion came to. `persons` are erased; `blocked` are people behind it of whom nobody knows who asked.

    `crm_persons` are the erased in the CRM, by its ids: they are to be deleted there too.
    """

    persons: list[int]
    hashes: int
    blocked: list[int] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    crm_persons: list[int] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**vars(self), "sources": [vars(source) for source in self.sources]}


def forget(
    settings: Settings,
    database: Database,
    subject: Subject,
    *,
    reason: str,
    source: str = SOURCE,
    by: str | None = None,
    at: datetime | None = None,
) -> Deleted:
    """Delete what is known of the person behind a contact point; every record that is the same person with it.

    Of a contact point that nobody has, the hash is kept, so that it does not come. Raises UsageError where several
    people have it (name one by id), SettingsError where the key of the hashes is lost; nothing is changed then.
    """
    request = _Request(moment_of(at, now()), said(reason, source, by))
    key = key_for_hashing(settings, database)

    def write(connection: Connection[Any]) -> Deleted:
        holders = golden_in(connection, subject)
        if len(holders) > 1:
            known = "; ".join(f"{person} ({name or 'no name'})" for _, person, name in holders[:20])
            raise UsageError(f"{subject} is {len(holders)} people's. Name one of them by id: {known}.")
        points = [(subject.kind, subject.key)]
        if not holders:
            return Deleted([], _keep_hashes(connection, key, points, None, request))
        (entity_id, golden_id, _), *_ = holders
        return _erase(connection, key, entity_id, golden_id, points, request)

    return record(database, write)


def forget_rows(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, key: PrivacyKey, import_id: str
) -> list[Deleted]:
    """Delete what is known of the people in `deletion_rows` of `con`, in the transaction that adds their hashes.

    A row is one person: the entity that has all that the row names and that anybody has. Where that leaves several,
    nobody is erased and all of them are blocked.
    """
    rows: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for number, *given in con.execute(_ROWS).fetchall():
        rows[number].append(tuple(given))
    return [_forget_row(connection, key, import_id, number, given) for number, given in rows.items()]


def _forget_row(
    connection: Connection[Any], key: PrivacyKey, import_id: str, number: int, given: Sequence[tuple[Any, ...]]
) -> Deleted:
    found: dict[int, int] = {}
    everybody: list[set[int]] = []
    for kind, contact_key, *_ in given:
        holders = golden_in(connection, Subject(kind, contact_key))
        found |= {entity: golden for entity, golden, _ in holders}
        if holders:
            everybody.append({entity for entity, *_ in holders})
    _, _, moment, reason, source = given[0]
    request = _Request(moment, {"reason": reason, "source": source, "row_number": number}, import_id)
    points = [(kind, contact_key) for kind, contact_key, *_ in given]
    if not everybody:
        return Deleted([], 0)
    common = set.intersection(*everybody) or set.union(*everybody)
    if len(common) == 1:
        (entity,) = common
        return _erase(connection, key, entity, found[entity], points, request)
    blocked = sorted(found[entity] for entity in common)
    _of_persons(connection, blocked, None, request)
    return Deleted([], 0, blocked)


def _erase(
    connection: Connection[Any],
    key: PrivacyKey,
    entity_id: int,
    golden_id: int,
    points: Iterable[tuple[str, str]],
    request: _Request,
) -> Deleted:
    execute(connection, statements.DROP_PERSONS)
    execute(connection, statements.PERSONS)
    execute(connection, statements.FILL_PERSONS, entity_id=entity_id)
    persons = [int(number) for (number,) in _fetch(connection, "select id from forgotten_persons order by id")]
    keys = {point for query in statements.KEYS for point in _fetch(connection, query)} | set(points)
    sources = _sources(connection)
    crm_persons = [int(number) for (number,) in _fetch(connection, statements.CRM_PEOPLE)]
    hashes = _keep_hashes(connection, key, keys, golden_id, request)
    facts = _of_persons(connection, persons, ERASED, request)
    changes.persons_changed(connection, "forgotten_persons")
    for table in statements.CONTACT_TABLES:
        execute(connection, statements.DROP_CONTACTS)
        execute(connection, statements.CONTACTS)
        if execute(connection, statements.FILL_CONTACTS.format(table=table)):
            changes.contacts_gone(connection, table, "forgotten_contacts")
    for table in (*statements.CONTACT_TABLES, "person_identifiers"):
        execute(connection, statements.DELETE.format(table=table))
    execute(connection, statements.CLEAR_PERSONS, at=now())
    for statement in (*statements.CHANGED_BY_DETACHED, statements.DETACH_TOUCHPOINTS):
        execute(connection, statement)
    for statement in statements.CLEAR_COPIES:
        execute(connection, statement)
    for statement in statements.CLEAR_CRM:
        execute(connection, statement, ids=crm_persons or [0], entity_id=entity_id)
    if facts:
        job, by = f"forget_{facts[0]['id']}", request.words.get("recorded_by") or request.import_id
        execute(connection, statements.LOG, job_id=job, golden_id=golden_id, reason=f"data deleted, by {by}"[:100])
    return Deleted(persons, hashes, [], sources, crm_persons)


def _keep_hashes(
    connection: Connection[Any],
    key: PrivacyKey,
    points: Iterable[tuple[str, str]],
    person_id: int | None,
    request: _Request,
) -> int:
    """Add the hashes that are not there; how many."""
    hashed = sorted({key.hashed(kind, contact) for kind, contact in points if kind in _HASHED})
    contact = {"fact": FACT, "contact_kind": "hash", "channel": "all", "value": key.fingerprint}
    about = {**contact, "starts_at": request.at, "person_id": person_id, **request.words}
    rows = [{**about, "contact_key": found} for found in hashed]
    return len(add_by_hand(connection, rows, is_dated=False, import_id=request.import_id))


def _of_persons(
    connection: Connection[Any], persons: Sequence[int], value: str | None, request: _Request
) -> list[dict[str, Any]]:
    """Add the facts that block persons; those that are new."""
    about = {"fact": FACT, "contact_kind": "person", "channel": "all", "value": value, "starts_at": request.at}
    rows = [{**about, "contact_key": str(person), "person_id": person, **request.words} for person in persons]
    return add_by_hand(connection, rows, is_dated=False, import_id=request.import_id)


def _sources(connection: Connection[Any]) -> list[Source]:
    found: dict[str, Source] = {}
    for import_id, filename, location, number in _fetch(connection, statements.SOURCES):
        found.setdefault(import_id, Source(import_id, filename, location, [])).rows.append(int(number))
    return list(found.values())


def _fetch(connection: Connection[Any], query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
