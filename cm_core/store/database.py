"""One MySQL-family database: where it is, how a session with it is set up, and what it says when it fails.

Which server runs behind the URL is `server.py`'s business, the schema is `tables.py`'s, and queries belong to
their callers.
"""

from __future__ import annotations

import os
import re
import ssl
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pymysql
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError

from cm_core.errors import DatabaseUnavailable, SettingsError
from cm_core.settings import Settings
from cm_core.store import failures
from cm_core.store.server import PrivateServer

DEFAULT_DATABASE = "cm"
_CONNECT_TIMEOUT_S = 10
_OLDEST: dict[str, tuple[int, int]] = {"mariadb": (10, 6), "mysql": (8, 0)}

# Strict, so that a value that does not fit is an error, and the same on both servers.
_SESSION = (
    "set session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY', time_zone = '+00:00', "
    # Some sessions hold a lock while others work for hours.
    "wait_timeout = 604800",
    "set names utf8mb4 collate utf8mb4_unicode_ci",
    "set session transaction isolation level read committed",
)
_READ_ONLY = "set session transaction read only"
_SERVER_FACTS = "select version(), @@global.local_infile"
#: MariaDB has no such variable.
_NEEDS_KEYS = "show variables where variable_name = 'sql_require_primary_key' and value = 'ON'"
_CREATE_DATABASE = "create database if not exists {name} character set utf8mb4 collate utf8mb4_unicode_ci"

Flavour = Literal["mariadb", "mysql"]

#: Parameters of a database URL that name files, and all that one may have.
_FILES = frozenset({"ssl_ca", "ssl_cert", "ssl_key"})
_PARAMETERS = _FILES | {
    "charset", "local_infile", "connect_timeout", "read_timeout", "write_timeout", "unix_socket", "ssl_disabled",
    "ssl_verify_cert", "ssl_verify_identity", "ssl_check_hostname", "ssl_capath", "ssl_cipher",
}  # fmt: skip

if TYPE_CHECKING:
    _PlainConnection = pymysql.connections.Connection[Any]  # generic in the stubs only
else:
    _PlainConnection = pymysql.connections.Connection


class _Session(_PlainConnection):
    """pymysql's connection with two of its costs removed."""

    def connect(self, sock: Any = None) -> None:
        """Log in. pymysql's own timeout ends with TCP's handshake: a mute listener would hold us for ever."""
        self._read_timeout = _CONNECT_TIMEOUT_S
        try:
            super().connect(sock)
        finally:
            self._read_timeout = None  # type: ignore[assignment]

    def _create_ssl_ctx(self, sslp: dict[str, Any]) -> ssl.SSLContext:
        # 'TLS if the server offers it' needs no certificates: pymysql reads the system's for each connection (25 ms).
        return super()._create_ssl_ctx(sslp) if sslp else _unverified_tls()  # type: ignore[misc]


class _Connection(_Session):
    """A session whose 'out of reach' errors are DatabaseUnavailable with `where` in the message."""

    where = "the database"

    def query(self, sql: str | bytes, unbuffered: bool = False) -> int:
        with failures.reported(self.where):
            return super().query(sql, unbuffered)

    def next_result(self, unbuffered: bool = False) -> int:
        with failures.reported(self.where):
            return super().next_result(unbuffered)

    def begin(self) -> None:
        with failures.reported(self.where):
            super().begin()

    def commit(self) -> None:
        with failures.reported(self.where):
            super().commit()

    def rollback(self) -> None:
        with failures.reported(self.where):
            super().rollback()


class Database:
    """A database by URL. Opening a connection is the first time that it is contacted.

    Sessions are the same through `engine` and `connect`: strict sql_mode, READ COMMITTED, UTC, utf8mb4,
    `LOAD DATA LOCAL` allowed. With `read_only` the server refuses every write of the session.
    """

    def __init__(self, url: sqlalchemy.URL, *, read_only: bool = False) -> None:
        self.url = normalize_url(url)
        self.read_only = read_only

    def __repr__(self) -> str:
        return f"Database({self.url_text()})"

    @property
    def name(self) -> str:
        """The database's (schema's) name."""
        return self.url.database or DEFAULT_DATABASE

    @property
    def where(self) -> str:
        """host:port/database, for messages."""
        return f"{self.url.host or 'localhost'}:{self.url.port or 3306}/{self.name}"

    def url_text(self, *, hide_password: bool = True) -> str:
        """The URL as `mysql://user:***@host:port/database`, the form that the user knows."""
        return self.url.set(drivername="mysql").render_as_string(hide_password=hide_password)

    def sibling(self, name: str) -> Database:
        """Another database on the same server."""
        return Database(self.url.set(database=name), read_only=self.read_only)

    @cached_property
    def engine(self) -> sqlalchemy.Engine:
        """A SQLAlchemy engine (pymysql). Raises DatabaseUnavailable where `connect` would."""

        def make() -> _Session:
            # Before SQLAlchemy asks the first one how the server quotes names; it then sets names of its own.
            connection = _Session(**self._connect_args())
            self._set_up_session(connection)
            return connection

        engine = sqlalchemy.create_engine(
            self.url,
            isolation_level="READ COMMITTED",
            creator=make,
            pool_pre_ping=True,
            pool_size=2,
            max_overflow=10,
            hide_parameters=True,
        )

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            self._set_up_session(connection)

        @event.listens_for(engine, "handle_error")
        def _translate(context: ExceptionContext) -> BaseException | None:
            if context.is_pre_ping:
                return None  # the pool replaces the dead connection by itself
            return failures.as_unavailable(context.original_exception, self.where)

        return engine

    def connect(self, *, autocommit: bool = False) -> pymysql.connections.Connection[Any]:
        """A new pymysql connection. Raises DatabaseUnavailable if the server cannot be reached or refuses."""
        with failures.reported(self.where):
            connection = _Connection(**self._connect_args(), autocommit=autocommit)
            connection.where = self.where
            self._set_up_session(connection)
        return connection

    @cached_property
    def flavour(self) -> Flavour:
        """Which server this is."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("select version()")
            row = cursor.fetchone()
        return _flavour(str(row[0]) if row else "")

    def close(self) -> None:
        """Close the engine's idle connections, if it was used."""
        engine = self.__dict__.pop("engine", None)
        if engine is not None:
            engine.dispose()

    def ensure_ready(self) -> None:
        """Create the database if it is missing and check that the server can do what we need.

        Raises DatabaseUnavailable if it cannot be reached or the database may not be created, and SettingsError
        if the server is too old or forbids LOAD DATA LOCAL.
        """
        try:
            connection = self.connect()
        except DatabaseUnavailable as error:
            if failures.error_code(error.__cause__ or error) != failures.UNKNOWN_DATABASE or self.read_only:
                raise
            self._create()
            connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(_SERVER_FACTS)
            row = cursor.fetchone()
            needs_keys = bool(cursor.execute(_NEEDS_KEYS)) and not self.read_only
        version, local_infile = str(row[0]) if row else "", bool(row and int(row[1]))
        flavour, found = _flavour(version), re.match(r"(\d+)\.(\d+)", version)
        if found and (int(found[1]), int(found[2])) < _OLDEST[flavour]:
            raise SettingsError(
                f"The database server at {self.where} is {flavour} {version}: MySQL 8.0 or MariaDB 10.6 is the oldest "
                "that works."
            )
        if needs_keys:
            raise SettingsError(
                f"The database server at {self.where} wants a primary key for every table, temporary ones too. Set "
                "sql_require_primary_key=OFF on it, or for this account's sessions."
            )
        if not local_infile and not self.read_only:
            raise SettingsError(
                f"The database server at {self.where} forbids LOAD DATA LOCAL. Set local_infile=1 on it "
                "(`set global local_infile = 1`, or the parameter group of Aurora and RDS)."
            )

    def _create(self) -> None:
        args = self._connect_args()
        args.pop("database", None)
        quoted = "`" + self.name.replace("`", "``") + "`"
        try:
            with pymysql.connect(**args, autocommit=True) as connection, connection.cursor() as cursor:
                cursor.execute(_CREATE_DATABASE.format(name=quoted))
        except pymysql.err.Error as error:
            raise DatabaseUnavailable(
                f"The database {self.name!r} does not exist at {self.where} and could not be created "
                f"({error.args[-1]}). Have it created with character set utf8mb4, or give the user the right to."
            ) from error

    def _connect_args(self) -> dict[str, Any]:
        dialect = self.url.get_dialect()()
        _, found = dialect.create_connect_args(self.url)
        options = dict(found)
        options.update(local_infile=True, charset="utf8mb4")
        options.setdefault("connect_timeout", _CONNECT_TIMEOUT_S)
        options.pop("client_flag", None)
        if isinstance(password := options.get("password"), str):  # pymysql would make Latin-1 of it
            options["password"] = password.encode()
        return options

    def _set_up_session(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            for statement in (*_SESSION, *((_READ_ONLY,) if self.read_only else ())):
                cursor.execute(statement)


@lru_cache(maxsize=1)
def _unverified_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def normalize_url(url: sqlalchemy.URL) -> sqlalchemy.URL:
    """`url` with our driver (pymysql), a database name and no charset of its own.

    Raises SettingsError if it is not a MySQL or MariaDB URL.
    """
    check_parameters(url, "CM_DATABASE_URL")
    if url.get_backend_name() not in {"mysql", "mariadb"}:
        raise SettingsError(
            f"CM_DATABASE_URL names a {url.get_backend_name()!r} database: mysql://user:password@host:port/database "
            "is the form that works."
        )
    return url.set(drivername="mysql+pymysql", database=url.database or DEFAULT_DATABASE).difference_update_query(
        ["charset", "local_infile"]
    )


def check_parameters(url: sqlalchemy.URL, variable: str) -> None:
    """Raise SettingsError, which names the `variable`, for parameters that nothing takes or that cannot be meant."""
    for name, value in url.query.items():
        if name not in _PARAMETERS:
            known = ", ".join(sorted(_PARAMETERS))
            raise SettingsError(f"{variable} has a parameter {name[:40]!r}; those that it may have are {known}.")
        if name in _FILES and not (isinstance(value, str) and Path(value).is_file() and os.access(value, os.R_OK)):
            raise SettingsError(f"{variable} names a file as {name} that is not there or may not be read.")
        if name.endswith("_timeout") and not (isinstance(value, str) and value.isdecimal() and value.isascii()):
            raise SettingsError(f"{variable} has a {name} that is no whole number of seconds.")


def parse_url(text: str) -> sqlalchemy.URL:
    """`mysql://user:password@host:port/database` as a URL. Raises SettingsError, which never shows `text`."""
    try:
        url = make_url(text)
        if "@" in (url.host or ""):  # of a password that is not percent-encoded
            raise ValueError
        return normalize_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError(
            "CM_DATABASE_URL cannot be read: mysql://user:password@host:port/database is the form that works, "
            "with special characters of the password percent-encoded."
        ) from None


def open_database(settings: Settings) -> Database:
    """The database that `settings` name: CM_DATABASE_URL, or the private server, started if need be.

    The database exists afterwards, its tables perhaps not: `migrations.upgrade` makes them.
    Raises DatabaseUnavailable or SettingsError.
    """
    if settings.database_url is not None:
        url = parse_url(settings.database_url.get_secret_value())
    else:
        url = PrivateServer(settings.home_dir).ensure_running().writer
    database = Database(url)
    database.ensure_ready()
    return database


def open_readonly(settings: Settings) -> Database:
    """A database whose sessions cannot write, for `cm sql`.

    CM_DATABASE_READONLY_URL if set; the private server's reader account; else a READ ONLY session of the account in
    CM_DATABASE_URL.
    """
    if settings.database_readonly_url is not None:
        url = parse_url(settings.database_readonly_url.get_secret_value())
    elif settings.database_url is not None:
        url = parse_url(settings.database_url.get_secret_value())
    else:
        url = PrivateServer(settings.home_dir).ensure_running().reader
    database = Database(url, read_only=True)
    database.ensure_ready()
    return database


def _flavour(version: str) -> Flavour:
    return "mariadb" if "mariadb" in version.lower() else "mysql"
