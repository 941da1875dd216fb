"""What the command line prints: tables for people, one JSON document for programs, errors in one line.

People's output and JSON go to stdout; progress and errors to stderr.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

#: Columns where the output is no terminal (a pipe, a log).
_WIDTH = 160

# What is printed is mostly other people's data: a text is never read as markup. What has a style is a `Text`.
out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH)
err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, default=_plain, ensure_ascii=False) + "\n")


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows as CSV with a header; nulls are empty."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else _plain(value) for value in row] for row in rows)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Rows as a table for people."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Names and values, aligned."""
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(name, _cell(value))
    out.print(table)


def print_error(message: str) -> None:
    """One line on stderr."""
    err.print(Text.assemble(("error:", "bold red"), f" {' '.join(message.split())}"))


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A spinner on stderr that shows what is being done and for how long; nothing where stderr is no terminal."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        bar.add_task(title, total=None)
        yield bar


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, timedelta):  # a TIME, as the server writes it
        hours, rest = divmod(abs(value), timedelta(hours=1))
        return f"{'-' if value < timedelta() else ''}{hours:02}:{str(rest).partition(':')[2]}"
    return value if isinstance(value, str | int | float) else str(value)


def _cell(value: Any) -> str | Text:
    if isinstance(value, Text):
        return value
    return "" if value is None else str(_plain(value))
