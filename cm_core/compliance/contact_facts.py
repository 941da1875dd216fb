"""From staged opt-outs and facts to `opt_outs` and `contact_facts`, one transaction per import.

Both are only ever added to. They keep contact points that nobody we know has: a suppression waits for its person. What
follows from them for a channel is decided elsewhere (docs/adr/0032). Facts that people record are in `by_hand`, those
that messages bring in `messages`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from cm_core.compliance import fact_statements as statements
from cm_core.compliance.applying import ApplyCounts, Finish, Kind, Written, apply, execute, number_of
from cm_core.settings import Settings
from cm_core.store.bulk import load
from cm_core.store.database import Database

if TYPE_CHECKING:
    from pymysql.connections import Connection

_SEPARATOR = "\x1f"


def apply_opt_outs(
    settings: Settings, database: Database, import_id: str, *, finish: Finish | None = None
) -> ApplyCounts:
    """Bring the staged opt-outs of an import into `opt_outs`; an opt-out is never changed or removed.

    One is known already if contact point, channel, time and source are equal; a later request of the same contact
    point is a further fact. `person_id` records whom we knew the contact point to be at that moment: the golden
    person, if exactly one entity held it. It is not filled in afterwards: the marts find the holders anew each
    time, so that people who come later are covered too. E-mail addresses get `opt_out_status` 'opted_out'.

    Raises WriterBusy, StoreError or DatabaseUnavailable; nothing is changed then.
    """
    return apply(settings, database, import_id, _OPT_OUTS, finish)


def apply_facts(settings: Settings, database: Database, import_id: str, *, finish: Finish | None = None) -> ApplyCounts:
    """Bring the staged facts of an import into `contact_facts`; a fact is never changed or removed.

    One is known already if another says the same (`fact_key`), whatever list it came from. `person_id` as above.

    Raises WriterBusy, StoreError or DatabaseUnavailable; nothing is changed then.
    """
    return apply(settings, database, import_id, _FACTS, finish)


def add_opt_outs(connection: Connection[Any], import_id: str | None) -> int:
    """Add those of the temporary table `opt_outs_staged` that are not known; the number of their source rows.

    The caller made the table (`fact_statements.CREATE_OPT_OUTS_STAGED`), holds the writer lock and commits.
    """
    for statement in (
        *statements.MARK_KNOWN_OPT_OUTS,
        statements.DROP_HOLDERS,
        statements.CREATE_HOLDERS,
        *statements.FIND_OPT_OUT_HOLDERS,
        statements.NAME_OPT_OUT_HOLDERS,
        statements.CHANGED_BY_FACTS,
    ):
        execute(connection, statement)
    execute(connection, statements.INSERT_OPT_OUTS, import_id=import_id)
    return number_of(connection, statements.COUNT_NEW_OPT_OUT_ROWS)


def add_facts(connection: Connection[Any], import_id: str | None) -> int:
    """Add those of the temporary table `facts_staged` that are not known; the number of their source rows.

    The caller made the table (`fact_statements.CREATE_FACTS_STAGED`), holds the writer lock and commits.
    """
    for statement in (
        statements.MARK_KNOWN_FACTS,
        statements.DROP_HOLDERS,
        statements.CREATE_HOLDERS,
        statements.NAME_PERSONS_OF_FACTS,
        *statements.FIND_FACT_HOLDERS,
        statements.NAME_FACT_HOLDERS,
        statements.CHANGED_BY_FACTS,
    ):
        execute(connection, statement)
    execute(connection, statements.INSERT_FACTS, import_id=import_id)
    return number_of(connection, statements.COUNT_NEW_FACT_ROWS)


def fact_key(
    fact: str,
    contact_kind: str,
    contact_key: str,
    channel: str,
    value: str | None,
    said_at: datetime | None,
    ends_at: datetime | None,
    source: str,
) -> str:
    """SHA-256 of what a fact says, in hexadecimal digits: the macro of `suppression_words.sql`, in Python.

    `said_at` is the fact's own time, None where it has none and holds since its list.
    """
    parts: Sequence[str] = (
        fact, contact_kind, contact_key, channel, value or "", _text(said_at), _text(ends_at), source.lower(),
    )  # fmt: skip
    return hashlib.sha256(_SEPARATOR.join(parts).encode()).hexdigest()


def _text(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.%f")


def _write_opt_outs(
    connection: Connection[Any], duck: duckdb.DuckDBPyConnection, import_id: str, paths: list[str]
) -> Written:
    execute(connection, statements.CREATE_OPT_OUTS_STAGED)
    load(connection, duck, statements.STAGED_OPT_OUTS, "opt_outs_staged", statements.OPT_OUT_COLUMNS, params=(paths,))
    inserted = add_opt_outs(connection, import_id)
    return Written(inserted, marked=execute(connection, statements.MARK_EMAILS_OF_STAGED))


def _write_facts(
    connection: Connection[Any], duck: duckdb.DuckDBPyConnection, import_id: str, paths: list[str]
) -> Written:
    execute(connection, statements.CREATE_FACTS_STAGED)
    load(connection, duck, statements.STAGED_FACTS, "facts_staged", statements.FACT_COLUMNS, params=(paths,))
    return Written(add_facts(connection, import_id))


_OPT_OUTS = Kind("opt_outs", "opt_outs", "email_addresses.opt_out_status", _write_opt_outs)
_FACTS = Kind("contact_facts", "contact_facts", None, _write_facts)
