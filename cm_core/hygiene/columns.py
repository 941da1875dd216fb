"""The hygiene rules over columns: DuckDB answers the ordinary values, the functions of this package all others.

The functions are the reference. The `.sql` files here answer only values of a shape that they recognise, from words
whose meaning the functions were asked for once, and give the answer that the functions would (tests hold the two
together); everything else is handed to the functions. No rule is made here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import duckdb
import phonenumbers
import pyarrow as pa
import rphonenumbers
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from cm_core.compute import sql
from cm_core.hygiene.addresses import standardize_addresses
from cm_core.hygiene.emails import standardize_emails
from cm_core.hygiene.entities import TRUST_SIGNS, words
from cm_core.hygiene.name_statistics import given_over_surname, mens_names
from cm_core.hygiene.names import standardize_names, wifes_key
from cm_core.hygiene.phones import standardize_phones
from cm_core.hygiene.places import states, zip_places
from cm_core.hygiene.streets import WORTH_LEARNING, plain_names, plain_pairs, suffix_forms
from cm_core.hygiene.text import placeholders

_WORD = re.compile(r"[A-Z]{2,}")
#: Words that a pattern of governments has only beside another.
_BESIDE_OTHERS = frozenset(("THE", "OF", "LAND"))

#: From a table of values to a table of answers.
Function = Callable[[pa.Table], pa.Table]
Kind = Literal["names", "addresses", "phones", "emails"]

#: Up to so many values the functions are quicker than the SQL.
FEW = 500
#: Values handed to a function at once.
_BATCH = 20_000
#: Learned words kept in the session: about 60 MB.
_WORDS_KEPT = 500_000
_USED = (
    "hygiene_read", "hygiene_words", "hygiene_couples", "hygiene_persons", "hygiene_joint", "hygiene_entities",
    "hygiene_answers",
)  # fmt: skip
_UNKNOWN_PAIRS = f"""
select r.street_name, r.street_suffix
from hygiene_read as r
inner join hygiene.street_names as n on r.street_name = n.name and not n.plain
inner join hygiene.street_suffixes as s on r.street_suffix = s.word and s.short is not null
anti join hygiene.street_pairs as p on r.street_name = p.name and r.street_suffix = p.word
group by all
having count(*) >= {WORTH_LEARNING}
"""
_OTHERS = "select unnest(given) from hygiene_answers where given is not null"


class Answered(NamedTuple):
    """How many values were answered in SQL, and how many by the functions."""

    ordinary: int
    others: int


def standardize(con: duckdb.DuckDBPyConnection, query: str, kind: Kind, table: str, *, few: bool = False) -> Answered:
    """Fill the temporary table `table` with the answers of the rules of `kind` to the distinct values of `query`.

    In and out as `standardize_names`, `standardize_addresses`, `standardize_phones` and `standardize_emails` have it
    (phones and e-mails: a column `raw`); the order of the rows is not kept. What SQL does not answer goes to the
    function in batches. Temporary, since a table in the database's file costs more to write than the
    answers to find; all that is kept meanwhile is too, under names that start with `hygiene_`. Word tables stay in
    the schema `hygiene` of the database for the next call. For a few values, not more than FEW, planning the SQL takes
    longer than asking the functions for all of them: say so with `few`.
    """
    rules = _RULES[kind]
    if few:
        values = con.sql(query).to_arrow_table()
        con.register("hygiene_rows", rules.function(values))
        con.execute(f"create or replace temp table {table} as from hygiene_rows")
        con.unregister("hygiene_rows")
        return Answered(0, values.num_rows)
    _prepare(con, rules.tables)
    con.execute(f"create or replace view hygiene_in as {query}")
    for step in rules.steps:
        if isinstance(step, str):
            con.execute(sql("cm_core.hygiene", step))
        else:
            step(con)
    con.register("hygiene_rows", rules.function(con.sql("from hygiene_in limit 0").to_arrow_table()))
    con.execute(f"create or replace temp table {table} as from hygiene_rows")
    con.unregister("hygiene_rows")
    con.execute(f"insert into {table} by name select * exclude (ordinary, given) from hygiene_answers where ordinary")
    ordinary, others = con.execute(
        f"select count(distinct {rules.key}) filter (ordinary), count(given) from hygiene_answers"
    ).fetchall()[0]
    for given in _others(con):
        _append(con, table, rules.function(given))
    con.execute("; ".join(f"drop table if exists temp.{used}" for used in _USED))
    con.execute("drop view hygiene_in")
    return Answered(ordinary, others)


def _others(con: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
    """The values that `hygiene_answers` has no answer to, as they came, in batches."""
    con.execute("create or replace temp table hygiene_others as " + _OTHERS)
    (count,) = con.execute("select count(*) from hygiene_others").fetchall()[0]
    for start in range(0, count, _BATCH):
        rows = con.sql("from hygiene_others where rowid >= ? and rowid < ?", params=[start, start + _BATCH])
        yield rows.to_arrow_table()
    con.execute("drop table hygiene_others")


def define_generation_of(con: duckdb.DuckDBPyConnection) -> None:
    """Make the macro `generation_of(name_suffix)`, by which everything that has match keys tells JR from SR."""
    con.execute(sql("cm_core.hygiene", "generation_of.sql"))


def phones_of(table: pa.Table) -> pa.Table:
    """The phone rules over the column `raw`."""
    return standardize_phones(table.column("raw").combine_chunks())


def emails_of(table: pa.Table) -> pa.Table:
    """The e-mail rules over the column `raw`."""
    return standardize_emails(table.column("raw").combine_chunks())


def _append(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, *, create: bool = False) -> None:
    con.register("hygiene_rows", rows)
    con.execute(
        f"create or replace table {table} as from hygiene_rows"
        if create
        else f"insert into {table} by name from hygiene_rows"
    )
    con.unregister("hygiene_rows")


def _learn_frequencies(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `name_frequencies` for the words of `hygiene_words`."""
    asked = _unknown(con, "name_frequencies", "word")
    _add(con, "name_frequencies", {"word": asked, "given_over_surname": [given_over_surname(word) for word in asked]})


def _learn_streets(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `street_names`, `street_pairs` and `street_suffixes` for the words of `hygiene_read`."""
    con.execute("create or replace temp table hygiene_words as select distinct street_suffix as word from hygiene_read")
    suffixes = suffix_forms(_unknown(con, "street_suffixes", "word"))
    _add(con, "street_suffixes", {"word": list(suffixes), "short": list(suffixes.values())})
    con.execute("create or replace temp table hygiene_words as select distinct street_name as word from hygiene_read")
    names = plain_names(_unknown(con, "street_names", "name"))
    _add(con, "street_names", {"name": list(names), "plain": list(names.values())})
    pairs = plain_pairs(con.execute(_UNKNOWN_PAIRS).fetchall())
    words = [word for _, word in pairs]
    _add(con, "street_pairs", {"name": [name for name, _ in pairs], "word": words, "plain": list(pairs.values())})


def _unknown(con: duckdb.DuckDBPyConnection, table: str, key: str) -> list[str]:
    """The words of `hygiene_words` that `table` does not have; it is emptied when it is full."""
    (known,) = con.execute(f"select count(*) from hygiene.{table}").fetchall()[0]
    if known > _WORDS_KEPT:
        con.execute(f"delete from hygiene.{table}")
    query = f"select word from hygiene_words as a anti join hygiene.{table} as k on a.word = k.{key}"
    return [word for (word,) in con.execute(f"{query} where word is not null").fetchall()]


def _add(con: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Sequence[object]]) -> None:
    if next(iter(columns.values())):
        _append(con, f"hygiene.{table}", pa.table(dict(columns)))


def _prepare(con: duckdb.DuckDBPyConnection, tables: Mapping[str, Callable[[], pa.Table]]) -> None:
    """Create those of the word tables in `tables` that this database does not have yet."""
    con.execute("create schema if not exists hygiene")
    found = con.execute("select table_name from duckdb_tables() where schema_name = 'hygiene'").fetchall()
    for name in tables.keys() - {name for (name,) in found}:
        _append(con, f"hygiene.{name}", tables[name](), create=True)


def _name_words() -> pa.Table:
    """The words of the rules of names, by what the SQL asks; `special` is every word that any rule looks for."""
    known = words()
    classes = {
        "special": known.special | known.legal | TRUST_SIGNS,
        "filler": frozenset(word for value in placeholders()["blank"] for word in value.upper().split()),
        "legal": known.legal,
        "deciding_legal": known.legal - known.ambiguous_legal,
        "trust": known.trust,
        "trust_firm": known.trust_firm,
        "trust_sign": TRUST_SIGNS,
        "estate": known.estate,
        "opens_unknown": frozenset(phrase.split()[0] for phrase in known.raw["unknown"]),
        "government": frozenset(_WORD.findall(" ".join(known.raw["government"]))) - _BESIDE_OTHERS,
    }
    every = sorted(frozenset().union(*classes.values()))
    flags = {name: pa.array([word in members for word in every], pa.bool_()) for name, members in classes.items()}
    generations = pa.array([known.raw["generational"].get(word) for word in every], pa.string())
    return pa.table({"word": pa.array(every, pa.string()), **flags, "generation": generations})


def _mens_names() -> pa.Table:
    every = sorted(mens_names())
    return pa.table({"word": every, "wifes_key": [wifes_key(name) for name in every]})


def _organization_spellings() -> pa.Table:
    spellings = words().raw["organization_spellings"]
    return pa.table({"word": list(spellings), "spelling": list(spellings.values())})


def _fillers() -> pa.Table:
    rows = [(kind, value) for kind, values in placeholders().items() for value in sorted(values)]
    return pa.table({"kind": [kind for kind, _ in rows], "value": [value for _, value in rows]})


def _states() -> pa.Table:
    return pa.table({"spelling": list(states()), "code": list(states().values())})


def _zips() -> pa.Table:
    places = zip_places()
    return pa.table({"zip5": list(places), "county": pa.array([county for _, county in places.values()], pa.string())})


# The alternatives of libphonenumber's patterns that leave nothing open after the area code.
_WHOLE_AREA = re.compile(r"(?:^|\|)((?:[^|()]|\((?:[^()]|\([^()]*\))*\))+)\[2-9\]\\d\{6\}(?=\||$)")
_NUMBER_TYPES = ("fixed_line", "mobile", "toll_free", "premium_rate", "personal_number", "voip")
_AREA_CODES = [f"{code}" for code in range(200, 1000) if f"{code}"[1:] != "11"]


def _area_codes() -> pa.Table:
    """The NANP area codes whose numbers all belong to one region, by the patterns of libphonenumber's metadata."""
    heads: set[str] = set()
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        for kind in _NUMBER_TYPES:
            description = getattr(metadata, kind)
            if description is not None and description.national_number_pattern:
                heads.update(_WHOLE_AREA.findall(description.national_number_pattern))
    whole = re.compile("|".join(sorted(heads)))
    codes = [code for code in _AREA_CODES if whole.fullmatch(code)]
    regions = [
        rphonenumbers.region_code_for_number(
            rphonenumbers.PhoneNumber(country_code=1, national_number=int(f"{code}2345678"))
        )
        for code in codes
    ]
    return pa.table({"area_code": codes, "region": pa.array(regions, pa.string())})


def _mailboxes() -> pa.Table:
    return pa.table({"mailbox": sorted(CASE_INSENSITIVE_MAILBOX_NAMES)})


def _empty_table(**columns: pa.DataType) -> Callable[[], pa.Table]:
    return lambda: pa.schema(list(columns.items())).empty_table()


@dataclass(frozen=True)
class _Rules:
    """How one kind is answered: word tables, steps (SQL files and functions), and how `hygiene_answers` is read."""

    function: Function
    key: str
    tables: Mapping[str, Callable[[], pa.Table]]
    steps: tuple[str | Callable[[duckdb.DuckDBPyConnection], None], ...]


_RULES: Mapping[Kind, _Rules] = {
    "names": _Rules(
        standardize_names,
        "name_id",
        {
            "name_words": _name_words,
            "mens_names": _mens_names,
            "organization_spellings": _organization_spellings,
            "name_frequencies": _empty_table(word=pa.string(), given_over_surname=pa.float64()),
        },
        (
            "names_read.sql",
            "names_couples_read.sql",
            _learn_frequencies,
            "names_answer.sql",
            "names_couples.sql",
            "names_entities.sql",
        ),
    ),
    "addresses": _Rules(
        standardize_addresses,
        "address_id",
        {
            "fillers": _fillers,
            "states": _states,
            "zips": _zips,
            "street_names": _empty_table(name=pa.string(), plain=pa.bool_()),
            "street_pairs": _empty_table(name=pa.string(), word=pa.string(), plain=pa.bool_()),
            "street_suffixes": _empty_table(word=pa.string(), short=pa.string()),
        },
        ("addresses_read.sql", _learn_streets, "addresses_answer.sql"),
    ),
    "phones": _Rules(phones_of, "raw", {"fillers": _fillers, "area_codes": _area_codes}, ("phones_answer.sql",)),
    "emails": _Rules(emails_of, "raw", {"fillers": _fillers, "mailboxes": _mailboxes}, ("emails_answer.sql",)),
}
