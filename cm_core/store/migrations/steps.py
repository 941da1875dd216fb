"""What revisions are written with: column types as they were declared, and steps that can be run again.

Revisions that ran somewhere depend on this module: add to it, change nothing in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME, VARCHAR

OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_unicode_ci",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_unicode_ci",
}
#: A point in time, UTC, microseconds.
TIME = DATETIME(fsp=6)
NOW = sa.text("CURRENT_TIMESTAMP(6)")


def code(length: int) -> VARCHAR:
    """An ascii text compared byte by byte."""
    return VARCHAR(length, charset="ascii", collation="ascii_bin")


def exact(length: int) -> VARCHAR:
    """A utf8mb4 text compared byte by byte."""
    return VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")


def create_index(name: str, table: str, columns: Sequence[str]) -> None:
    """Create the index unless the table has it. MySQL knows no `create index if not exists`.

    So a revision that was killed between two statements (MySQL commits each) can simply be run again.
    """
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, list(columns))


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add the column unless the table has it: MySQL knows no `add column if not exists`."""
    if column.name not in {found["name"] for found in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def create_unique(name: str, table: str, columns: Sequence[str]) -> None:
    """Add the unique constraint unless the table has it."""
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_unique_constraint(name, table, list(columns))


def drop_index(name: str, table: str) -> None:
    """Drop the index, or the unique constraint of that name, if the table has it."""
    if name in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.drop_index(name, table)
