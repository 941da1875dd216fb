"""From staged opt-outs and facts to `opt_outs` and `contact_facts`, one transaction per import.

How files become staged rows is `cm_core.imports`; how facts are added is `contact_facts`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compliance import fact_statements as statements
from cm_core.compliance import privacy
from cm_core.compliance.applying import ApplyCounts, Finish, Kind, Written, apply, execute
from cm_core.compliance.contact_facts import add_facts, add_opt_outs, fact_key
from cm_core.imports.forgotten import PrivacyKey, key_for_hashing
from cm_core.settings import Settings
from cm_core.store.bulk import load
from cm_core.store.database import Database

if TYPE_CHECKING:
    from pymysql.connections import Connection

_STAGED = "create or replace table staged_facts as from read_parquet(?, union_by_name = true)"
_DELETIONS = f"select exists(from staged_facts where fact = '{privacy.FACT}')"
_PLAIN = f"create or replace table deletion_rows as from staged_facts where fact = '{privacy.FACT}'"
_HASHED = """
create or replace table staged_facts as
select s.* replace (
    coalesce(h.fact_key, s.fact_key) as fact_key,
    case when h.hash is null then s.contact_kind else 'hash' end as contact_kind,
    coalesce(h.hash, s.contact_key) as contact_key,
    coalesce(h.value, s.value) as value
)
from staged_facts as s
left join deletion_hashes as h on s.fact_key = h.plain_key
"""
_HASHES = pa.schema([(name, pa.string()) for name in ("plain_key", "fact_key", "hash", "value")])


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

    One is known already if another says the same (`fact_key`), whatever list it came from. `person_id` as above. Of
    privacy deletions only keyed hashes are written, and what is known of the people goes (`privacy`).

    Raises WriterBusy, StoreError or DatabaseUnavailable; nothing is changed then.
    """
    write = partial(_write_facts, settings, database)
    return apply(settings, database, import_id, Kind("contact_facts", "contact_facts", None, write), finish)


def read_facts(duck: duckdb.DuckDBPyConnection, paths: list[str]) -> bool:
    """Make `staged_facts` of staged files; whether privacy deletions are among them, which `hash_deletions` hashes."""
    duck.execute(_STAGED, [paths])
    return bool(duck.execute(_DELETIONS).fetchall()[0][0])


def hash_deletions(duck: duckdb.DuckDBPyConnection, key: PrivacyKey) -> None:
    """Put hashes in the place of the contact points of deletions in `staged_facts`; these stay in `deletion_rows`."""
    duck.execute(_PLAIN)
    made = []
    query = (
        "select distinct fact_key, contact_kind, contact_key, source from deletion_rows where contact_kind <> 'person'"
    )
    for plain_key, kind, contact, source in duck.execute(query).fetchall():
        hashed, value = key.hashed(kind, contact), key.fingerprint
        own = fact_key(privacy.FACT, "hash", hashed, "all", value, None, None, source)
        made.append({"plain_key": plain_key, "fact_key": own, "hash": hashed, "value": value})
    duck.register("hashes_in", pa.Table.from_pylist(made, schema=_HASHES))
    duck.execute("create or replace table deletion_hashes as from hashes_in")
    duck.unregister("hashes_in")
    duck.execute(_HASHED)


def _write_opt_outs(
    connection: Connection[Any], duck: duckdb.DuckDBPyConnection, import_id: str, paths: list[str]
) -> Written:
    execute(connection, statements.CREATE_OPT_OUTS_STAGED)
    load(connection, duck, statements.STAGED_OPT_OUTS, "opt_outs_staged", statements.OPT_OUT_COLUMNS, params=(paths,))
    inserted = add_opt_outs(connection, import_id)
    return Written(inserted, marked=execute(connection, statements.MARK_EMAILS_OF_STAGED))


def _write_facts(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    duck: duckdb.DuckDBPyConnection,
    import_id: str,
    paths: list[str],
) -> Written:
    key = None
    if read_facts(duck, paths):
        key = key_for_hashing(settings, database)
        hash_deletions(duck, key)
    execute(connection, statements.CREATE_FACTS_STAGED)
    load(connection, duck, statements.STAGED_FACTS, "facts_staged", statements.FACT_COLUMNS)
    inserted = add_facts(connection, import_id)
    if key is not None:
        privacy.forget_rows(connection, duck, key, import_id)
    return Written(inserted)


_OPT_OUTS = Kind("opt_outs", "opt_outs", "email_addresses.opt_out_status", _write_opt_outs)
