"""What linkage keeps between its runs: the catalog `base` of a session, stored as `linkage/base.duckdb` in the lake.

With it, a run works on what is new and changed and comes to what a run over everything would. It is derived from the
database and the staged rows alone: where it is missing, or was made by another version, model or rule, the next run
begins with an empty one. A run works on a copy, which replaces the stored one in one step at its end.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import duckdb

from cm_core.compute import quoted, scratch, sql
from cm_core.lake import lake
from cm_core.linkage.model import Model
from cm_core.settings import Settings

KEY = "linkage/base.duckdb"
_ATTACH = "attach '{path}' as {name}{mode}"
_DETACH = "detach {name}"
_FINGERPRINT = "select fingerprint from {name}.about"
_IS_BASE = "select count(*) from duckdb_tables() where database_name = ? and table_name = 'about'"


def begin(con: duckdb.DuckDBPyConnection) -> None:
    """Make an empty `base` in memory, in the place of one there may be: for what is compared once."""
    con.execute("detach database if exists base")
    con.execute(_ATTACH.format(path=":memory:", name="base", mode=""))
    con.execute(sql(__package__, "base.sql"))


@contextmanager
def updated(
    settings: Settings, con: duckdb.DuckDBPyConnection, model: Model, *, afresh: bool = False
) -> Iterator[None]:
    """`base` as the last run left it, or an empty one; what the block makes of it is stored at its end.

    If the block fails, what is stored stays as it was. `afresh`: begin with an empty one.
    """
    store = lake(settings)
    mark = fingerprint(settings, model)
    with scratch(settings, "linkage") as folder:
        path = folder / "base.duckdb"
        if not afresh and store.exists(KEY):
            shutil.copyfile(store.materialize(KEY, folder), path)
        _open(con, path, mark)
        try:
            yield
        except BaseException:
            con.execute(_DETACH.format(name="base"))
            raise
        con.execute("checkpoint base")
        con.execute(_DETACH.format(name="base"))
        store.take_file(path, KEY)


@contextmanager
def read(settings: Settings, con: duckdb.DuckDBPyConnection, model: Model, *, name: str) -> Iterator[bool]:
    """The stored base as the catalog `name`, to be read only, and whether there is one of this version and model."""
    store = lake(settings)
    if not store.exists(KEY):
        yield False
        return
    with scratch(settings, "linkage") as folder:
        path = store.materialize(KEY, folder)
        con.execute(_ATTACH.format(path=quoted(path), name=name, mode=" (read_only)"))
        try:
            yield _mark_of(con, name) == fingerprint(settings, model)
        finally:
            con.execute(_DETACH.format(name=name))


def has_rows(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether a table has any."""
    return bool(con.execute(f"select 1 from {table} limit 1").fetchall())


def fingerprint(settings: Settings, model: Model) -> str:
    """What the contents of a base depend on beside the rows: code, model, and the rules that can be set."""
    rules = (settings.shared_contact_max_surnames, settings.phone_needs_first_name, settings.email_needs_first_name)
    return hashlib.sha256(repr((model.to_json(), _code(), rules)).encode()).hexdigest()


@cache
def _code() -> str:
    """Of the code that this process runs."""
    digest = hashlib.sha256()
    for package in ("cm_core.linkage", "cm_core.hygiene"):
        for file in sorted(files(package).iterdir(), key=lambda file: file.name):
            if file.is_file() and file.name.endswith((".py", ".sql", ".csv")):
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
    digest.update(files("cm_core.upsert").joinpath("match_classes.sql").read_bytes())
    digest.update(repr((version("splink"), version("nicknames"), duckdb.__version__)).encode())
    return digest.hexdigest()


def _open(con: duckdb.DuckDBPyConnection, path: Path, mark: str) -> None:
    """Attach the file if it is of this fingerprint, else an empty one in its place."""
    if path.exists():
        con.execute(_ATTACH.format(path=quoted(path), name="base", mode=""))
        if _mark_of(con, "base") == mark:
            return
        con.execute(_DETACH.format(name="base"))
        path.unlink()
    con.execute(_ATTACH.format(path=quoted(path), name="base", mode=""))
    con.execute(sql(__package__, "base.sql"))
    con.execute("insert into base.about values (?)", (mark,))


def _mark_of(con: duckdb.DuckDBPyConnection, name: str) -> str | None:
    if not con.execute(_IS_BASE, (name,)).fetchall()[0][0]:
        return None
    marks = con.execute(_FINGERPRINT.format(name=name)).fetchall()
    return str(marks[0][0]) if marks else None
