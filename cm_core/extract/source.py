"""The legacy database: who it is, what its tables look like, and reading from it without ever writing to it.

Everything that is asked of it goes through here. Which rows make a slice is `plan`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import connectorx
import pyarrow as pa
import pymysql
import sqlalchemy
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from cm_core.errors import CmError, DatabaseUnavailable, SettingsError, UsageError
from cm_core.extract.statements import Column
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.failures import error_code

_URL = "CM_LEGACY_DATABASE_URL"
_LOCK_WAIT_S = 30
#: A batch of rows has about this many bytes.
_BATCH_BYTES = 32 << 20
_BATCH_ROWS = 65_536

_COLUMNS = (
    "select column_name, data_type, character_set_name, is_nullable from information_schema.columns "
    "where table_schema = %s and table_name = %s order by ordinal_position"
)
_TABLE = (
    "select table_type, avg_row_length, table_name from information_schema.tables "
    "where table_schema = %s and table_name = %s"
)
_KEY = (
    "select column_name, sub_part from information_schema.statistics "
    "where table_schema = %s and table_name = %s and index_name = 'PRIMARY' order by seq_in_index"
)
#: What connectorx says when the connection broke: it knows no error classes.
_BROKEN = re.compile(
    r"IoError|IO error|CodecError|DriverError|PoolError|broken pipe|connection (refused|reset)|gone away|timed out",
    re.I,
)
_SERVER_CODE = re.compile(r"ERROR (\d{4}) \(\w{5}\): (.*)", re.S)
_BROKEN_CODES = frozenset(
    {1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1927, 2006, 2013, 4031}
)
_TIMED_OUT = frozenset({1969, 3024})


class ExtractFailed(CmError):
    """A slice could not be extracted, or is not what the source says it is; nothing of it has landed."""


@dataclass(frozen=True)
class Table:
    """A table of the source. `key` is its primary key; `row_bytes` what the server takes for a row's usual length."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    row_bytes: int

    @property
    def batch_rows(self) -> int:
        """Rows to hold in memory at once."""
        return max(256, min(_BATCH_ROWS, _BATCH_BYTES // max(self.row_bytes, 1)))


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
                yield connection

    def table(self, name: str) -> Table:
        """What the table looks like. Raises UsageError where there is none, or none that can be cut into slices."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(_TABLE, (self._database.name, name))
            found: Any = cursor.fetchone()
            if found is None:
                raise UsageError(f"There is no table {name!r} in {self.where} that this account may read.")
            cursor.execute(_COLUMNS, (self._database.name, found[2]))
            rows: Any = cursor.fetchall()
            columns = {str(row[0]): Column(str(row[0]), str(row[1]).lower(), row[2], row[3] == "YES") for row in rows}
            cursor.execute(_KEY, (self._database.name, found[2]))
            key: Any = cursor.fetchall()
        if "VIEW" in str(found[0]):
            raise UsageError(f"{name!r} in {self.where} is a view: it has no primary key to cut slices along.")
        if not key:
            raise UsageError(
                f"The table {name!r} in {self.where} has no primary key, so its rows cannot be told apart and cut into "
                "slices. Give it one, or export it to a file and import that."
            )
        for column, prefix in key:
            if prefix is not None or not columns[column].can_be_key:
                kind = "a prefix of its text" if prefix is not None else f"of type {columns[column].type}"
                raise UsageError(
                    f"The table {name!r} in {self.where} cannot be cut into slices: {column!r} of its primary key is "
                    f"{kind}. Export it to a file and import that."
                )
        return Table(name, tuple(columns.values()), tuple(columns[row[0]] for row in key), int(found[1] or 0))

    def stream(self, statement: str, *, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows of `statement` as Arrow batches, read under one snapshot in a READ ONLY transaction.

        Raises DatabaseUnavailable when the connection breaks and ExtractFailed when the server refuses.
        """
        with self.connect():
            pass  # a server that is out of reach says so in plain words here
        try:
            yield from connectorx.read_sql(
                self._plain_url,
                statement,
                return_type="arrow_stream",
                protocol="binary",
                batch_size=batch_rows,
                pre_execution_query=[*self._session(), "start transaction with consistent snapshot, read only"],
            )
        except GeneratorExit:
            raise
        except BaseException as error:
            # A panic of the Rust library is no Exception.
            if not isinstance(error, RuntimeError) and type(error).__name__ != "PanicException":
                raise
            raise self._translated(error) from error

    @cached_property
    def _plain_url(self) -> str:
        # Without `prefer_socket=false` the library asks a server on 127.0.0.1 for its socket and connects to that file
        # of this machine: through a tunnel, that is another server.
        url = self._database.url.set(drivername="mysql", query={"prefer_socket": "false"})
        return url.render_as_string(hide_password=False)

    @cached_property
    def _flavour(self) -> str:
        return self._database.flavour

    def _session(self) -> list[str]:
        limit = (
            f"set session max_statement_time = {self._statement_seconds}"
            if self._flavour == "mariadb"
            else f"set session max_execution_time = {self._statement_seconds * 1000}"
        )
        return [
            "set session transaction isolation level repeatable read",
            "set session transaction read only",
            # Values are read as they are: no rule of a mode is to touch them.
            "set session sql_mode = '', time_zone = '+00:00'",
            "set names utf8mb4",
            f"set session lock_wait_timeout = {_LOCK_WAIT_S}",
            limit,
        ]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Errors of pymysql, in the words of whoever set the source's URL."""
        try:
            yield
        except DatabaseUnavailable as error:
            raise self._unavailable(str((error.__cause__ or error).args[-1])) from error
        except pymysql.err.Error as error:
            if error_code(error) in _BROKEN_CODES:
                raise self._unavailable(str(error.args[-1])) from error
            raise ExtractFailed(f"The legacy database at {self.where} refused a query: {error.args[-1]}.") from error

    def _translated(self, error: BaseException) -> CmError:
        found = _SERVER_CODE.search(str(error))
        code, detail = (int(found[1]), found[2].rstrip("} )")) if found else (0, str(error))
        if code in _TIMED_OUT:
            return ExtractFailed(
                f"The legacy database at {self.where} did not finish a slice within {self._statement_seconds} s. Raise "
                "CM_LEGACY_STATEMENT_SECONDS, or lower CM_LEGACY_SLICE_ROWS and start a new extract."
            )
        if code in _BROKEN_CODES or (not found and _BROKEN.search(detail)):
            return self._unavailable(detail.splitlines()[0])
        return ExtractFailed(f"The legacy database at {self.where} refused a query: {detail.splitlines()[0]}.")

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
        if url.get_backend_name() not in ("mysql", "mariadb") or not url.database:
            raise ValueError
    except (ArgumentError, ValueError):
        raise SettingsError(
            f"{_URL} cannot be read: mysql://user:password@host:port/database is the form that works, with special "
            "characters of the password percent-encoded."
        ) from None
    return Source(url, statement_seconds=settings.legacy_statement_seconds)
