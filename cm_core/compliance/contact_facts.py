"""Adding to `opt_outs` and `contact_facts`, which is all that is ever done to them: what is known comes in once.

They keep contact points that nobody we know has: a suppression waits for its person. What follows from them for a
channel is decided elsewhere (docs/adr/0032). Facts come from lists (`fact_lists`), messages (`messages`) and people
(`by_hand`, `suspicions`, `privacy`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.compliance import fact_statements as statements
from cm_core.compliance.applying import execute, number_of

if TYPE_CHECKING:
    from pymysql.connections import Connection

_SEPARATOR = "\x1f"


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
