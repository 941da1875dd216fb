"""From a staged contacts import to every party's person, by what is known: nothing is written here.

What is known answers two questions (`Known`): who owns the keys of the batch, and what do the tables say of these
persons. The rules are in the `.sql` files beside this module: match keys and guards in `keys.sql`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import duckdb
import pyarrow as pa

from cm_core.compute import sql
from cm_core.errors import ImportFailed
from cm_core.hygiene.columns import define_generation_of
from cm_core.hygiene.name_statistics import first_name_class, is_common_given
from cm_core.imports.restaging import CHANGED, read_batch
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.upsert.components import label_components
from cm_core.upsert.write import STAGED

_PACKAGE = "cm_core.upsert"

# A source row of several parties counts as the most that any of them was.
_ROW_OPERATIONS = """
select case rank when 1 then 'inserted' when 2 then 'updated' else 'skipped' end, count(*)
from (
    select row_number, min(rank) as rank
    from (
        select row_number, 1 as rank from assignment where alone
        union all
        select row_number, case operation when 'inserted' then 1 when 'updated' then 2 else 3 end from outcomes
    )
    {condition}
    group by row_number
)
group by rank
"""

_LEFT_OUT = f"select count(*) from {CHANGED} anti join assignment using (row_number)"


@dataclass(frozen=True)
class ApplyResult:
    """What became of the source rows, and how many rows of each table were inserted or updated.

    `inserted + updated + skipped + errors` is the number of rows in the file; in a replay, rows that were in before are
    not counted. `marked` is how many listings, opt-outs and facts came with it: whom the list says not to contact.
    """

    import_id: str
    inserted: int
    updated: int
    skipped: int
    errors: int
    persons_new: int
    persons_changed: int
    marked: int = 0
    table_counts: dict[str, int] = field(default_factory=dict)


class Known(Protocol):
    """What is known of people before the import."""

    def find_owners(self, con: duckdb.DuckDBPyConnection, import_id: str) -> None:
        """Make `owners`, `name_owners`, `known_shared` and `assigned` for the batch's keys."""

    def fetch_current(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make `current_persons`, `current_phones`, … for the existing persons in `spread`."""


def prepare(settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, import_id: str) -> None:
    """Staged tables (of a replay, the rows that it brings in or changes) and rules, as DuckDB sees them."""
    read_batch(settings, database, con, import_id, STAGED)
    con.execute(
        "create or replace table rules "
        "(import_id varchar, shared_max int, phone_needs_first_name boolean, email_needs_first_name boolean, "
        "attach_to_one_person boolean)"
    )
    con.execute(
        "insert into rules values (?, ?, ?, ?, ?)",
        [
            import_id,
            settings.shared_contact_max_surnames,
            settings.phone_needs_first_name,
            settings.email_needs_first_name,
            settings.attach_to_one_person,
        ],
    )


def resolve(
    known: Known,
    con: duckdb.DuckDBPyConnection,
    import_id: str,
    first_id: Callable[[int], int],
    tell: Callable[[str], None] = lambda step: None,
) -> None:
    """Find every party's person: make `assignment`, `spread` and what is known of the persons in them.

    `first_id(count)` gives the first of the ids of `count` new persons.
    """
    define_match_classes(con)
    tell("looking up keys")
    known.find_owners(con, import_id)
    tell("resolving")
    con.execute(sql(_PACKAGE, "contacts.sql"))
    _classify_first_names(con)
    con.execute(sql(_PACKAGE, "keys.sql"))
    label_components(con)
    con.execute(sql(_PACKAGE, "resolve.sql"))
    (count,) = con.execute("select count(*) from new_groups").fetchall()[0]
    con.execute("create or replace table new_ids as select ?::bigint as first_id", [first_id(count)])
    con.execute(sql(_PACKAGE, "assign.sql"))
    known.fetch_current(con)


def require_all_changed(con: duckdb.DuckDBPyConnection, import_id: str) -> None:
    """After `resolve`, of a full replay: every row that it changes has a person. Its rows are not counted otherwise.

    Raises ImportFailed where some have none.
    """
    (left_out,) = con.execute(_LEFT_OUT).fetchall()[0]
    if left_out:
        raise ImportFailed(
            f"Import {import_id}: {left_out} rows that the replay changes were not taken up. Nothing was changed; "
            "replay the import again."
        )


def define_match_classes(con: duckdb.DuckDBPyConnection) -> None:
    """Make the macros of `match_classes.sql`, by which linkage and the upsert have the same exact keys."""
    define_generation_of(con)
    con.execute(sql(_PACKAGE, "match_classes.sql"))


def row_operations(con: duckdb.DuckDBPyConnection, *, only_new: bool = False) -> tuple[int, int, int]:
    """How many source rows were inserted, updated and skipped, after the write; `only_new`: in for the first time."""
    condition = "where row_number not in (select row_number from assigned)" if only_new else ""
    operations = dict(con.execute(_ROW_OPERATIONS.format(condition=condition)).fetchall())
    return operations.get("inserted", 0), operations.get("updated", 0), operations.get("skipped", 0)


def _classify_first_names(con: duckdb.DuckDBPyConnection) -> None:
    """`first_name_classes(first_key, name_class, is_common)` for the first names of the batch and of the owners."""
    keys = con.sql(
        "select distinct first_key from parties as p semi join party_contacts as c "
        "on p.row_number = c.row_number and p.party_no = c.party_no where first_key <> '' "
        "union select distinct first_key from owners where first_key <> ''"
    ).to_arrow_table()
    names = [str(key) for key in keys.column(0).to_pylist()]
    classes = [first_name_class(name) for name in names]
    common = [is_common_given(name) for name in names]
    con.register(
        "classes", pa.table({"first_key": names, "name_class": classes, "is_common": pa.array(common, pa.bool_())})
    )
    con.execute("create or replace table first_name_classes as from classes")
    con.unregister("classes")
