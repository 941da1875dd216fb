"""From a text file to typed, standardised rows: the DuckDB side of staging a contacts import.

Distinct values go through the hygiene package once; the rest is SQL (`stage_contacts.sql`). Do-not-call and
opt-out lists are staged in `staging_suppressions`; storing the outcome is in `pipeline`.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import duckdb
import pyarrow as pa

from cm_core.compute import beside, sql
from cm_core.hygiene.columns import FEW, Function, define_generation_of, standardize
from cm_core.hygiene.emails import standardize_emails
from cm_core.hygiene.person_names import comma_after_surname
from cm_core.hygiene.phones import standardize_phones
from cm_core.imports.forgotten import Forgotten, leave_out
from cm_core.imports.mapping import Mapping, Use
from cm_core.imports.reader import Batch
from cm_core.imports.staging_marks import line_types, stage_marks

#: Distinct values handed to a hygiene function at once.
_HYGIENE_BATCH = 20_000

_FINDINGS = """
create or replace table findings (
    row_number bigint, error_type varchar, field_name varchar, field_value varchar, error_message varchar,
    row_status varchar, raw_row varchar
)
"""
#: The columns of `findings`.
FINDINGS_SCHEMA = pa.schema(
    [("row_number", pa.int64())]
    + [
        (name, pa.string())
        for name in ("error_type", "field_name", "field_value", "error_message", "row_status", "raw_row")
    ]
)


@dataclass(frozen=True)
class Counts:
    """Rows of the file, by what became of them. `total = staged + rejected`."""

    total: int = 0
    staged: int = 0
    rejected: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.total + other.total, self.staged + other.staged, self.rejected + other.rejected)


def load_chunk(con: duckdb.DuckDBPyConnection, batches: list[Batch]) -> None:
    """Fill `source(row_number, c0, c1, …)` and `findings` with records of the file, in place of what they held."""
    remember_rows(con)
    con.register("chunk", pa.concat_tables([batch.table for batch in batches]))
    con.execute("create or replace table source as from chunk")
    con.unregister("chunk")
    con.execute(_FINDINGS)
    bad = [
        {
            "row_number": row.row_number,
            "error_type": row.error_type,
            "field_name": row.field_name,
            "field_value": row.field_value,
            "error_message": row.message,
            "row_status": "rejected",
            "raw_row": row.raw,
        }
        for batch in batches
        for row in batch.bad
    ]
    if bad:
        con.register("bad", pa.Table.from_pylist(bad, schema=FINDINGS_SCHEMA))
        con.execute("insert into findings from bad")
        con.unregister("bad")


def remember_rows(con: duckdb.DuckDBPyConnection) -> None:
    """Make `seen_rows` and `rejected_rows`, empty: what `find_repeated` asks of all rows of the file."""
    con.execute("create or replace table seen_rows (row_number bigint, digest ubigint, bytes bigint)")
    con.execute("create or replace table rejected_rows (row_number bigint, raw varchar)")


def stage_contacts(
    con: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    headers: Sequence[str],
    file_date: datetime,
    forgotten: Forgotten | None = None,
) -> Counts:
    """Standardise `source` into the tables of a contacts import: rows, parties, phones, emails, addresses, identifiers.

    And `marks`, if the mapping has such columns. Every row of `source` ends up in `rows` or, with its reason and its
    raw values, in `findings` as rejected; of a row that has a contact point of somebody `forgotten`, nothing is kept
    but that it was there.
    """
    stage_people(con, mapping, headers, file_date)
    if forgotten is not None:
        leave_out(con, forgotten)
    stage_marks(con, mapping, left_out=forgotten is not None)
    return settle_findings(con)


def stage_people(con: duckdb.DuckDBPyConnection, mapping: Mapping, headers: Sequence[str], file_date: datetime) -> None:
    """The tables of `stage_contacts` but `rows`; the findings are still to be settled."""
    con.execute("create or replace table parameters (file_date timestamp)")
    con.execute("insert into parameters values (?)", [file_date])
    keep_raw(con, headers)
    _define_inputs(con, mapping)
    _standardise(con, surname_first=any(use.surname_first for use in mapping.uses))
    con.execute(sql("cm_core.imports", "dates.sql"))
    define_generation_of(con)
    con.execute(sql("cm_core.imports", "stage_contacts.sql"))


def keep_raw(con: duckdb.DuckDBPyConnection, headers: Sequence[str]) -> None:
    """Make `source_rows(row_number, raw)`: each record as a JSON object from header to text, nothing left out."""
    pairs = ", ".join(f"?, c{position}" for position in range(len(headers)))
    con.execute(
        f"create or replace table source_rows as select row_number, json_object({pairs})::varchar as raw from source",
        list(headers),
    )


def settle_findings(con: duckdb.DuckDBPyConnection) -> Counts:
    """Give kept findings their status and rejected ones their raw text; make `rows`; count."""
    con.execute(sql("cm_core.imports", "settle_findings.sql"))
    total, rejected = con.execute(
        """
        select
            (select count(*) from source)
            + (select count(distinct f.row_number) from findings as f
               anti join source as s on f.row_number = s.row_number),
            (select count(distinct row_number) from findings where row_status = 'rejected')
        """
    ).fetchall()[0]
    return Counts(total, total - rejected, rejected)


def find_repeated(con: duckdb.DuckDBPyConnection) -> None:
    """Make `findings` of the rows that repeat an earlier one word for word, over all chunks of the file."""
    con.execute(_FINDINGS)
    con.execute(sql("cm_core.imports", "repeated_rows.sql"))


def standardise(con: duckdb.DuckDBPyConnection, query: str, function: Function, table: str) -> None:
    """Run the distinct values that `query` gives through `function` in batches, collecting answers in `table`."""
    reader = beside(con).sql(query).to_arrow_reader(_HYGIENE_BATCH)
    con.register("answers", function(reader.schema.empty_table()))
    con.execute(f"create or replace table {table} as from answers")
    for batch in reader:
        con.register("answers", function(pa.Table.from_batches([batch])))
        con.execute(f"insert into {table} by name from answers")
    con.unregister("answers")


def phones_of(table: pa.Table) -> pa.Table:
    """The phone rules over the column `raw`."""
    return standardize_phones(table.column("raw").combine_chunks())


def emails_of(table: pa.Table) -> pa.Table:
    """The e-mail rules over the column `raw`."""
    return standardize_emails(table.column("raw").combine_chunks())


def value_of(use: Use | None, constant: str | None = None) -> str:
    """SQL for a field's text in `source`: the first non-blank of its columns, or all of them joined by a space."""
    if use is None:
        return "null::varchar" if constant is None else "'" + constant.replace("'", "''") + "'"
    columns = [f"nullif(trim(c{column}), '')" for column in use.columns]
    if use.joined:
        return f"nullif(concat_ws(' ', {', '.join(columns)}), '')"
    return columns[0] if len(columns) == 1 else f"coalesce({', '.join(columns)})"


def repeated(uses: Sequence[Use], label: str, said: MappingType[int, str] = MappingProxyType({})) -> str:
    """SQL for a repeatable field: one row per use, with its label and its position among the uses.

    `said`: SQL for a label that the row itself gives to the value of a column; it comes before the column's own.
    """
    if not uses:
        return f"select 0::bigint as row_number, 0 as ordinal, ''::varchar as raw, null::varchar as {label} where false"
    selects = []
    for ordinal, use in enumerate(uses):
        text = value_of(use)
        kind = "null::varchar" if use.label is None else f"'{use.label}'"
        if use.columns[0] in said:
            kind = f"coalesce({said[use.columns[0]]}, {kind})"
        selects.append(
            f"select row_number, {ordinal} as ordinal, {text} as raw, {kind} as {label} "
            f"from source where {text} is not null"
        )
    return " union all ".join(selects)


#: Ends the key of names out of a column in which they stand Last First Middle.
_SURNAME_FIRST = "\x1e"
_NAME_FIELDS = ("full_name", "name_prefix", "first_name", "middle_name", "last_name", "name_suffix", "organization")
_SECOND_FIELDS = (
    "second_name", "second_prefix", "second_first_name", "second_middle_name", "second_last_name", "second_suffix",
)  # fmt: skip
_ADDRESS_FIELDS = ("line1", "line2", "city", "state", "zip", "zip4")


def _define_inputs(con: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    """The columns of `source` by canonical field: what hygiene and `stage_contacts.sql` read."""
    owner = {name: value_of(mapping.one(name)) for name in _NAME_FIELDS}
    contact = dict.fromkeys(_NAME_FIELDS, "null::varchar") | {
        "full_name": value_of(mapping.one("contact_name")),
        "first_name": value_of(mapping.one("contact_first_name")),
        "last_name": value_of(mapping.one("contact_last_name")),
    }
    second = dict.fromkeys(_NAME_FIELDS, "null::varchar") | {
        ours: value_of(mapping.one(field)) for ours, field in zip(_NAME_FIELDS[:-1], _SECOND_FIELDS, strict=True)
    }
    names = []
    for number, values, field in ((1, owner, "full_name"), (2, contact, "contact_name"), (3, second, "second_name")):
        if number == 3 and not any(mapping.one(name) for name in _SECOND_FIELDS):
            continue
        keyed = _keyed(values, f"{number} as slot")
        use = mapping.one(field)
        if use is not None and use.surname_first:  # read otherwise than the same text elsewhere
            keyed = f"select * replace (value_key || '{_SURNAME_FIRST}' as value_key) from ({keyed})"
        names.append(keyed)
    con.execute(f"create or replace table names_in as {' union all '.join(names)}")

    addresses = []
    for ordinal, slot in enumerate(mapping.address_slots()):
        parts = {
            part: value_of(mapping.one(f"{slot}.{part}"), mapping.constants.get(f"{slot}.{part}"))
            for part in _ADDRESS_FIELDS
        }
        if third := mapping.one(f"{slot}.line3"):
            parts["line2"] = f"nullif(concat_ws(', ', {parts['line2']}, {value_of(third)}), '')"
        kind = f"nullif('{slot.partition('#')[0]}', '')"
        needed = [value_of(mapping.one(f"{slot}.{part}")) for part in ("line1", "line2", "line3", "city", "zip")]
        present = f"coalesce({', '.join(needed)}) is not null"
        addresses.append(_keyed(parts, f"{ordinal} as ordinal, {kind} as address_type", present))
    if not addresses:
        nothing = dict.fromkeys(_ADDRESS_FIELDS, "null::varchar")
        addresses = [_keyed(nothing, "0 as ordinal, null::varchar as address_type", "false")]
    con.execute(f"create or replace table addresses_in as {' union all '.join(addresses)}")

    con.execute(
        f"create or replace view phones_in as {repeated(mapping.all('phone'), 'phone_type', line_types(con, mapping))}"
    )
    con.execute(f"create or replace view emails_in as {repeated(mapping.all('email'), 'label')}")
    con.execute(f"create or replace view identifiers_in as {repeated(mapping.all('identifier'), 'id_type')}")
    dates = f"{value_of(mapping.one('source_date'))} as source_date_raw, " + (
        f"{value_of(mapping.one('date_of_birth'))} as date_of_birth_raw"
    )
    con.execute(f"create or replace view dates_in as select row_number, {dates} from source")


def _mark_surnames(con: duckdb.DuckDBPyConnection) -> None:
    """Give the whole names of such columns in `name_ids` the comma that they leave out."""
    marked = f"full_name is not null and ends_with(value_key, '{_SURNAME_FIRST}')"
    names = con.sql(f"select name_id, full_name from name_ids where {marked}").to_arrow_table()
    read = [comma_after_surname(name) for name in names.column("full_name").to_pylist()]
    con.register("marked", pa.table({"name_id": names.column("name_id"), "full_name": pa.array(read, pa.string())}))
    con.execute("update name_ids set full_name = m.full_name from marked as m where name_ids.name_id = m.name_id")
    con.unregister("marked")


def _keyed(fields: dict[str, str], extra: str, present: str | None = None) -> str:
    """A select of `fields` with a `value_key` that is equal for equal values, without rows that have none."""
    columns = ", ".join(f"{expression} as {name}" for name, expression in fields.items())
    names = list(fields)
    key = "concat_ws(chr(31), " + ", ".join(f"coalesce({name}, '')" for name in names) + ")"
    shown = "concat_ws(' ', " + ", ".join(names) + ")"
    any_value = f"coalesce({', '.join(names)}) is not null"
    return (
        f"select *, {key} as value_key, {shown} as shown from "
        f"(select row_number, {extra}, {columns} from source where {present or 'true'}) where {any_value}"
    )


def _standardise(con: duckdb.DuckDBPyConnection, *, surname_first: bool) -> None:
    """Each distinct name, address, phone and e-mail text through the hygiene package once.

    `surname_first`: whole names stand Last First Middle in a column of the list.
    """
    (rows,) = con.execute("select count(*) from source").fetchall()[0]
    few = rows <= FEW
    con.execute(
        "create or replace table name_ids as select row_number() over () as name_id, * from (select distinct "
        "value_key, full_name, name_prefix, first_name, middle_name, last_name, name_suffix, organization "
        "from names_in)"
    )
    if surname_first:
        _mark_surnames(con)
    standardize(
        con,
        'select name_id, full_name as "full", name_prefix as prefix, first_name as "first", middle_name as middle, '
        'last_name as "last", name_suffix as suffix, organization from name_ids',
        "names",
        "name_parties",
        few=few,
    )
    con.execute(
        "create or replace table address_ids as select row_number() over () as address_id, * from (select distinct "
        "value_key, line1, line2, city, state, zip, zip4 from addresses_in)"
    )
    standardize(
        con,
        "select address_id, line1, line2, city, state, zip, zip4 from address_ids",
        "addresses",
        "address_values",
        few=few,
    )
    standardize(con, "select distinct raw from phones_in", "phones", "phone_values", few=few)
    standardize(con, "select distinct raw from emails_in", "emails", "email_values", few=few)
