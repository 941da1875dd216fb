"""Staging of what a list of contacts says about whom not to contact (`marks`), and of the types of lines.

What follows from it for `dnc_registry`, `opt_outs` and `contact_facts` is `cm_core.compliance.list_marks`.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType

import duckdb
import pyarrow as pa

from cm_core.compute import put_table, quoted, sql
from cm_core.imports.feed_catalog import MarkName
from cm_core.imports.mapping import Mapping, Use
from cm_core.imports.marks import LINE_TYPE, nothing_patterns, words

#: The staged table, of imports whose file has such columns.
MARKS = "marks"
#: Which contact points of its row a mark is about, in order. Whoever is named beside the owner and has the same phone
#: or address is meant as well: nobody can tell. Of who has died, the surest alone, since others live on there.
KINDS: MappingType[MarkName, tuple[str, ...]] = {
    "dnc": ("phone",),
    "do_not_call": ("phone", "name_zip"),
    "call_opt_out": ("phone", "name_zip"),
    "do_not_text": ("phone", "name_zip"),
    "do_not_email": ("email", "name_zip"),
    "do_not_mail": ("address", "name_zip"),
    "do_not_contact": ("phone", "email", "address", "name_zip"),
    "litigator": ("phone", "email"),
    "deceased": ("owner", "phone", "email"),
}
_FIRST_ONLY = frozenset({"deceased"})


def marks_of(mapping: Mapping) -> list[Use]:
    """The columns that are marks."""
    return [use for use in mapping.uses if use.field in KINDS]


def line_types(con: duckdb.DuckDBPyConnection, mapping: Mapping) -> dict[int, str]:
    """SQL for the type of the line in a column of phones, by that column, as another column says; makes its macro."""
    types = {use.of: use.columns[0] for use in mapping.all(LINE_TYPE) if use.of is not None}
    if types:
        cases = " ".join(
            f"when regexp_replace(lower(t), '[^a-z0-9]', '', 'g') in ({_texts(known)}) then '{kind}'"
            for kind, known in words().lines.items()
        )
        con.execute(f"create or replace macro line_type_said(t) as case {cases} end")
    return {phone: f"line_type_said(c{column})" for phone, column in types.items()}


def stage_marks(con: duckdb.DuckDBPyConnection, mapping: Mapping, *, left_out: bool = False) -> None:
    """Make `marks` of `source` after the tables of a contacts import: see `stage_marks.sql`.

    A row that is rejected may have some: who is not to be contacted stays so if the row says nothing else. With
    `left_out`, nothing of `forgotten_rows` is taken.
    """
    uses = marks_of(mapping)
    if not uses:
        return
    kept = "anti join forgotten_rows using (row_number)" if left_out else ""
    cells = " union all ".join(map(_cells, range(len(uses)), uses))
    con.execute(f"create or replace view marks_in as select * from ({cells}) {kept}")
    said = [
        {"by_no": by_no, "word": word, "is_mark": word not in words().without_a_mark(by_no=by_no)}
        for by_no in (False, True)
        for word in words().without_a_mark(by_no=by_no) | words().with_a_mark(by_no=by_no)
    ]
    put_table(con, "mark_words", pa.Table.from_pylist(said))
    blank, nought = nothing_patterns()
    put_table(con, "mark_nothing", pa.table({"blank": [blank], "nought": [nought]}))
    kinds = [(mark, kind, at, mark in _FIRST_ONLY) for mark, some in KINDS.items() for at, kind in enumerate(some)]
    columns = ("mark", "kind", "precedence", "first_only")
    put_table(con, "mark_kinds", pa.table([list(values) for values in zip(*kinds, strict=True)], names=columns))
    con.execute(sql("cm_core.imports", "stage_marks.sql"))


def _cells(ordinal: int, use: Use) -> str:
    of = "null::varchar" if use.of is None else f"nullif(trim(c{use.of}), '')"
    texts = " union all ".join(
        f"select row_number, {ordinal} as ordinal, '{use.field}' as mark, {use.by_no} as by_no, {of} as of_raw, "
        f"trim(c{column}) as raw, '{quoted(header)}' as header from source where trim(c{column}) <> ''"
        for column, header in zip(use.columns, use.headers, strict=True)
    )
    return texts if use.of is None else f"select * from ({texts}) where of_raw is not null"


def _texts(some: frozenset[str]) -> str:
    return ", ".join(f"'{quoted(text)}'" for text in sorted(some))
