"""Linkage of staged rows with the model that comes with the system, and its answer against a truth, pair by pair.

A pair is two rows of one true person (to be found) or of one cluster (found). Rows that linkage never saw count as
missed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from bench.linkage import stage_files
from bench.quality.figures import Figure, Wrong, wrong_kinds
from cm_core.compute import session, sql
from cm_core.linkage import clusters, model
from cm_core.linkage.stages import link_rows
from cm_core.settings import Settings

_COUNTS = """
select
    count(*) filter (is_true and is_found),
    count(*) filter (is_found),
    count(*) filter (is_true)
from judged
"""
_WRONG = """
select e.kind, l.text || ' | ' || r.text
from explained as e
inner join shown as l on e.id_l = l.id
inner join shown as r on e.id_r = r.id
"""


@contextmanager
def staged(files: Sequence[Path], *, threads: int = 1) -> Iterator[tuple[duckdb.DuckDBPyConnection, Settings]]:
    """A session with contact lists staged into the `source_*` tables; `import_id` is the file's name."""
    with TemporaryDirectory(prefix="cm-quality-") as folder:
        settings = Settings(home=Path(folder) / "home", compute_memory_limit="4GB", compute_threads=threads)
        with session(settings) as con:
            stage_files(con, tuple(files), settings)
            yield con, settings


def link(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make `clusters` and all that leads there from the `source_*` tables."""
    link_rows(con, settings, model.default())
    clusters.cluster(con)


def judge(con: duckdb.DuckDBPyConnection) -> None:
    """Make `found`, `judged`, `explained` and `shown` from the table `truth` and what `link` made."""
    for statement in con.extract_statements(sql(__package__, "judged.sql")):
        con.execute(statement)


def pairwise(
    con: duckdb.DuckDBPyConnection,
    *,
    prefix: str = "",
    f1: float | None = None,
    precision: float | None = None,
    recall: float | None = None,
) -> tuple[Figure, ...]:
    """Precision, recall and F1 over the pairs of `judged`; the keywords are their goals."""
    both, found, true = con.execute(_COUNTS).fetchall()[0]
    part = both / found if found else 1.0
    whole = both / true if true else 1.0
    return (
        Figure(f"{prefix}precision", part, found, precision),
        Figure(f"{prefix}recall", whole, true, recall),
        Figure(f"{prefix}F1", 2 * part * whole / (part + whole) if part + whole else 0.0, true, f1),
    )


def wrong_pairs(con: duckdb.DuckDBPyConnection) -> tuple[Wrong, ...]:
    """The pairs of `explained` by kind, with what linkage knew of the two rows."""
    return wrong_kinds(con.execute(_WRONG).fetchall())


def write_list(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """A comma-separated contact list."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows(rows)
    return path
