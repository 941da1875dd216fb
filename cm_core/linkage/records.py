"""From source rows to what the model compares: exact-tier facts, components, one record per component.

Works on DuckDB tables only (`source_*`, see `source.py` for where they come from). No database, no model here.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass

import duckdb
import networkx
import pyarrow as pa
from nicknames import NickNamer

from cm_core.compute import sql
from cm_core.hygiene.name_statistics import first_name_class, given_over_surname, is_common_given
from cm_core.linkage import components, decisions
from cm_core.linkage.census import given_shares, male_part, surname_shares
from cm_core.linkage.clusters import Edge, Limits, refuse
from cm_core.settings import Settings

_NAME_KEYS = """
select distinct unnest([first_key, last_key]) as name
from source_parties
where first_key is not null and last_key is not null
union
select distinct first_key from source_parties where first_key <> ''
"""
_PATTERNS = "create or replace table personal_patterns as from patterns_arrow"
_NODES = "create or replace table person_nodes as select distinct person_id as id from source_parties"
_EXACT = "create or replace table exact_components as from components"
_EDGES = """
create or replace view exact_edges as
select id_l, id_r from tier1_edges
union all
select id_l, id_r from must_link
"""
# Components with two persons in them that are different, as somebody decided; and what holds them together, the
# strongest first.
_TORN = """
create or replace table torn as
select distinct l.component
from cannot_link as d
inner join components as l on d.id_l = l.id
inner join components as r on d.id_r = r.id and l.component = r.component
"""
_TORN_EDGES = """
select c.component, e.id_l, e.id_r
from (
    select id_l, id_r, 0 as evidence from must_link
    union all
    select id_l, id_r, evidence from tier1_edges
) as e
inner join components as c on e.id_l = c.id
semi join torn as t on c.component = t.component
order by c.component, e.evidence, least(e.id_l, e.id_r), greatest(e.id_l, e.id_r)
"""
_TORN_NODES = "select id from components semi join torn using (component)"
_PARTED = "update components set component = p.part from parts_arrow as p where components.id = p.id"
_NO_EDGES = "create or replace view no_edges as select id_l, id_r from tier1_edges where false"
_CENSUS = "create or replace table {table} as from census_arrow"
_NAME_COUNTS = """
create or replace view {column}_counts as
select {column} as name, count(*) as n from {table} where {column} is not null {only} group by {column}
"""
_NAME_TOTALS = """
create or replace view name_totals as
select count(first_name) as first_names, count(last_name) as last_names from {table}
"""
_ONLY = "and {column} in (select {column} from {only})"
_RULES = """
create or replace table rules as
select ?::integer as shared_max, ?::boolean as phone_needs_first_name, ?::boolean as email_needs_first_name
"""
_COUNTS = """
select
    (select count(*) from person_nodes), (select count(distinct component) from components),
    (select count(*) from records), (select count(*) from legal_records), (select count(*) from shared_keys),
    (select count(*) from tier1_edges)
"""


@dataclass(frozen=True)
class Records:
    """How many persons there are, and what became of them before the model: components and records to compare."""

    persons: int
    exact_components: int
    human_records: int
    legal_records: int
    shared_contacts: int
    exact_edges: int


def build(con: duckdb.DuckDBPyConnection, *, merge_exact: bool = True) -> Records:
    """Make `exact_components`, `records` and `legal_records` from `facts` and the `source_*` tables of `con`.

    Without `merge_exact`, every person is a component of its own: what the model is trained on, so that it sees what
    the same phone or e-mail is worth. `read_facts` comes first.
    """
    decisions.expect(con)
    con.execute(_NODES)
    con.execute(_NO_EDGES)
    con.execute(_EDGES)
    components.connect(con, nodes="person_nodes", edges="exact_edges" if merge_exact else "no_edges")
    _tear(con)
    con.execute(sql(__package__, "nodes.sql"))
    con.execute(sql(__package__, "records.sql"))
    con.execute(_EXACT)
    return Records(*con.execute(_COUNTS).fetchall()[0])


def _tear(con: duckdb.DuckDBPyConnection) -> None:
    """Take apart the components that hold two persons who are different: along their weakest keys."""
    con.execute(_TORN)
    different = {(left, right) for left, right in con.execute("select id_l, id_r from cannot_link").fetchall()}
    edges = [Edge(left, right, 1.0) for _, left, right in con.execute(_TORN_EDGES).fetchall()]
    if not edges:
        return
    refused = refuse(edges, {}, different, Limits(most=sys.maxsize))
    graph = networkx.Graph(edge.pair for edge in edges if edge.pair not in refused)
    graph.add_nodes_from(node for (node,) in con.execute(_TORN_NODES).fetchall())
    parts = [(node, min(part)) for part in networkx.connected_components(graph) for node in part]
    labels = pa.table({"id": [node for node, _ in parts], "part": [label for _, label in parts]})
    con.register("parts_arrow", labels)
    con.execute(_PARTED)
    con.unregister("parts_arrow")


def read_facts(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make `identities`, `shared_keys`, `facts`, `tier1_edges`, `first_names`, `person_identifiers` from `source_*`."""
    con.register("first_names_arrow", _first_names([row[0] for row in con.execute(_NAME_KEYS).fetchall() if row[0]]))
    con.execute("create or replace table first_names as from first_names_arrow")
    con.unregister("first_names_arrow")
    guards = (settings.shared_contact_max_surnames, settings.phone_needs_first_name, settings.email_needs_first_name)
    con.execute(_RULES, guards)
    con.execute(sql(__package__, "facts.sql"))
    patterns = [row["pattern"] for row in csv.DictReader(sql(__package__, "identifier_kinds.csv").splitlines())]
    con.register("patterns_arrow", pa.table({"pattern": patterns}))
    con.execute(_PATTERNS)
    con.unregister("patterns_arrow")
    con.execute(sql(__package__, "identifiers.sql"))


def _first_names(keys: list[str]) -> pa.Table:
    """Per name: its nickname class, itself with every formal name it may stand for, whether it is a given name that the
    census knows well, and how much likelier (natural log) it is a given name than a surname.
    """
    formal = NickNamer().canonical_lookup
    return pa.table(
        {
            "first_key": pa.array(keys, pa.string()),
            "name_class": pa.array([first_name_class(key) for key in keys], pa.string()),
            "forms": pa.array(
                [sorted({key, first_name_class(key), *map(str.upper, formal.get(key.lower(), ()))}) for key in keys],
                pa.list_(pa.string()),
            ),
            "is_known": pa.array([is_common_given(key) for key in keys], pa.bool_()),
            "male_part": pa.array([male_part(key) for key in keys], pa.float64()),
            "given_over_surname": pa.array([given_over_surname(key) for key in keys], pa.float64()),
        }
    )


def count_names(con: duckdb.DuckDBPyConnection, *, table: str, only: str | None = None) -> None:
    """Make the term-frequency tables `name_frequencies_first_name` and `name_frequencies_last_name` for `table`.

    With `only`, a table of a few records, they have the names of these alone, as frequent as they are in `table`.
    """
    for name, shares in (("census_first", given_shares()), ("census_last", surname_shares())):
        census = pa.table({"name": list(shares), "share": list(shares.values())})
        con.register("census_arrow", census)
        con.execute(_CENSUS.format(table=name))
        con.unregister("census_arrow")
    for column in ("first_name", "last_name"):
        names = _ONLY.format(column=column, only=only) if only else ""
        con.execute(_NAME_COUNTS.format(column=column, table=table, only=names))
    con.execute(_NAME_TOTALS.format(table=table))
    con.execute(sql(__package__, "frequencies.sql"))
