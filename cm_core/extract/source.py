"""The legacy database: who it is, what its tables look like, and reading from it without ever writing to it.

Everything that is asked of it goes through here. Which rows make a slice is `plan`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import pyarrow as pa
import pymysql
import sqlalchemy
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from cm_core.errors import CmError, DatabaseUnavailable, SettingsError, UsageError
from cm_core.extract.statements import Column
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.database import check_parameters
from cm_core.store.failures import error_code
from cm_core.store.packets import read_rows

_URL = "CM_LEGACY_DATABASE_URL"
_LOCK_WAIT_S = 30
#: A server that is silent for so much longer than a statement may take is gone.
_GRACE_S = 30
_COLUMNS = (
    "select column_name, data_type, character_set_name, is_nullable from information_schema.columns "
    "where table_schema = %s and table_name = %s order by ordinal_position"
)
_TABLE = (
    "select table_type, engine, table_name from information_schema.tables where table_schema = %s and table_name = %s"
)
_KEYS = (
    "select index_name, column_name, sub_part from information_schema.statistics where table_schema = %s "
    "and table_name = %s and non_unique = 0 and index_type <> 'HASH' "
    "order by index_name <> 'PRIMARY', index_name, seq_in_index"
)
_SNAPSHOT = "start transaction with consistent snapshot, read only"
#: Storage engines for which that holds.
_SNAPSHOT_ENGINES = frozenset({"innodb"})
_BROKEN_CODES = frozenset(
    {1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1927, 2006, 2013, 4031}
)
_TIMED_OUT = frozenset({1969, 3024})


class ExtractFailed(CmError):
    """A slice could not be extracted, or is not what the source says it is; nothing of it has landed."""


@dataclass(frozen=True)
class Table:
    """A table or view of the source.

    `key` is a key that tells its rows apart and that slices can be cut along; empty where there is none, and
    `keyless` says why. `has_snapshots`: several statements of one transaction see the same moment.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    has_snapshots: bool
    keyless: str = ""


class Snapshot:
    """A session in a READ ONLY transaction, whose statements see the same moment if the table's engine can do that."""

    def __init__(self, connection: pymysql.connections.Connection[Any], *, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    def rows(self, statement: str) -> Iterator[list[pa.Array]]:
        """The rows of `statement` in batches: for each of its columns an array of text."""
        return read_rows(self._connection, statement, timeout_s=self._timeout_s)

    def value(self, statement: str) -> str:
        """The only value of the only row."""
        ((value,),) = ([column[0].as_py() for column in batch] for batch in self.rows(statement))
        return str(value)


class Source:
    """A database that is only read. Sessions are READ ONLY and bounded in time, whatever the account may do."""

    def __init__(self, url: sqlalchemy.URL, *, statement_seconds: int = 900) -> None:
        self._database = Database(url, read_only=True)
        self._statement_seconds = statement_seconds

    @property
    def where(self) -> str:
        """host:port/database."""
        return self._database.where

    @property
    def slug(self) -> str:
        """The same as a folder's name."""
        return re.sub(r"[^\w.-]", "_", self.where)

    @contextmanager
    def connect(self) -> Iterator[pymysql.connections.Connection[Any]]:
        """A session that cannot write. Raises DatabaseUnavailable where the server is out of reach."""
        with self._errors():
            connection = self._database.connect(autocommit=True)
            with connection:
                with connection.cursor() as cursor:
                    for statement in self._session():
                        cursor.execute(statement)
                    with suppress(pymysql.err.OperationalError, pymysql.err.InternalError):
                        cursor.execute(self._limit())  # older servers have none; the reading itself is bounded
                yield connection

    def table(self, name: str) -> Table:
        """What the table looks like. Raises UsageError where there is none."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(_TABLE, (self._database.name, name))
            found: Any = cursor.fetchone()
            if found is None:
                raise UsageError(f"There is no table {name!r} in {self.where} that this account may read.")
            cursor.execute(_COLUMNS, (self._database.name, found[2]))
            rows: Any = cursor.fetchall()
            columns = {str(row[0]): Column(str(row[0]), str(row[1]).lower(), row[2], row[3] == "YES") for row in rows}
            cursor.execute(_KEYS, (self._database.name, found[2]))
            indexes: Any = cursor.fetchall()
        has_snapshots = str(found[1]).lower() in _SNAPSHOT_ENGINES
        if "VIEW" in str(found[0]):
            return Table(name, tuple(columns.values()), (), has_snapshots, "is a view")
        key, keyless = _key(columns, indexes)
        return Table(name, tuple(columns.values()), key, has_snapshots, keyless)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A session to read a slice in. Inside, the server's errors are DatabaseUnavailable or ExtractFailed."""
        with self.connect() as connection:
            with connection.cursor() as cursor:
                cursor.execute(_SNAPSHOT)
            yield Snapshot(connection, timeout_s=self._statement_seconds + _LOCK_WAIT_S + _GRACE_S)

    @cached_property
    def _flavour(self) -> str:
        return self._database.flavour

    def _limit(self) -> str:
        if self._flavour == "mariadb":
            return f"set session max_statement_time = {self._statement_seconds}"
        return f"set session max_execution_time = {self._statement_seconds * 1000}"

    def _session(self) -> list[str]:
        return [
            "set session transaction isolation level repeatable read",
            "set session transaction read only",
            # Values are read as they are: no rule of a mode is to touch them.
            "set session sql_mode = '', time_zone = '+00:00'",
            "set names utf8mb4",
            f"set session lock_wait_timeout = {_LOCK_WAIT_S}",
        ]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Errors of pymysql, in the words of whoever set the source's URL."""
        try:
            yield
        except DatabaseUnavailable as error:
            raise self._unavailable(str((error.__cause__ or error).args[-1])) from error
        except pymysql.err.Error as error:
            code = error_code(error)
            if code in _TIMED_OUT:
                raise ExtractFailed(
                    f"The legacy database at {self.where} did not finish a slice within {self._statement_seconds} s. "
                    "Raise CM_LEGACY_STATEMENT_SECONDS, or lower CM_LEGACY_SLICE_ROWS and start a new extract."
                ) from error
            if code in _BROKEN_CODES:
                raise self._unavailable(str(error.args[-1])) from error
            raise ExtractFailed(f"The legacy database at {self.where} refused a query: {error.args[-1]}.") from error

    def _unavailable(self, detail: str) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"The legacy database at {self.where} cannot be used ({detail}). Nothing of the slice has landed; run the "
            f"same command again, or check {_URL}."
        )


def open_source(settings: Settings) -> Source:
    """The database of CM_LEGACY_DATABASE_URL; it is not contacted yet. Raises SettingsError, which never shows it."""
    if settings.legacy_database_url is None:
        raise SettingsError(f"{_URL} is not set: mysql://user:password@host:port/database names the database to read.")
    try:
        url = make_url(settings.legacy_database_url.get_secret_value())
        if url.get_backend_name() not in ("mysql", "mariadb") or not url.database or "@" in (url.host or ""):
            raise ValueError
    except (ArgumentError, ValueError):
        raise SettingsError(
            f"{_URL} cannot be read: mysql://user:password@host:port/database is the form that works, with special "
            "characters of the password percent-encoded."
        ) from None
    check_parameters(url, _URL)
    return Source(url, statement_seconds=settings.legacy_statement_seconds)


def _key(columns: dict[str, Column], indexes: Sequence[tuple[str, str, int | None]]) -> tuple[tuple[Column, ...], str]:
    """The first unique key that slices can be cut along, the primary one if it can be; else why there is none."""
    keyless = "has no primary key"
    for index, parts in groupby(indexes, key=lambda row: row[0]):
        problem, key = "", []
        for _, name, prefix in parts:
            column = columns.get(name or "")  # a part may be an expression
            if prefix is not None:
                problem = f"has a key with only a prefix of {name!r}"
            elif column is None or column.nullable:
                problem = "has no primary key"
            elif not column.can_be_key:
                problem = f"has {name!r}, of type {column.type}, in its key"
            else:
                key.append(column)
        if not problem:
            return tuple(key), ""
        if index == "PRIMARY":
            keyless = problem
    return (), keyless
