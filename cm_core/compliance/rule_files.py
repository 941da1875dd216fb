"""Reading the CSV files of rules: every cell checked, every error with file, row and column.

What the rows mean is in `rules`; which files there are too.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import NoReturn, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import cm_core
from cm_core.errors import RulesError

T = TypeVar("T")

_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
_MINUTES_OF_DAY = 24 * 60
#: No zone of the United States turns its clock after this hour, so that each local time of a window is one instant.
_CLOCKS_TURN_BEFORE = 4 * 60


def rules_folder() -> Path:
    """The folder of the rules: the dbt project's seeds, beside the package `cm_core`."""
    return Path(cm_core.__file__).resolve().parent.with_name("dbt_project") / "seeds"


@dataclass(frozen=True)
class Row:
    """One row of a file; `number` is its line. Every getter raises RulesError about the cell."""

    file: str
    number: int
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """A cell that must not be blank."""
        return self.cells[column] or self.refuse(column, "is blank")

    def optional(self, column: str) -> str | None:
        """A cell that may be blank."""
        return self.cells[column] or None

    def choice(self, column: str, choices: Collection[str], *, blank: bool = False) -> str:
        """A cell with one of `choices`."""
        value = self.cells[column]
        if value in choices or (blank and not value):
            return value
        return self.refuse(column, f"is {value!r}, not one of {', '.join(sorted(choices))}")

    def choices(self, column: str, choices: Collection[str]) -> frozenset[str]:
        """A cell with any of `choices`, a `|` between them."""
        values = frozenset(filter(None, self.cells[column].split("|")))
        if unknown := values - frozenset(choices):
            self.refuse(column, f"has {sorted(unknown)[0]!r}, which is not one of {', '.join(sorted(choices))}")
        return values

    def matching(self, column: str, pattern: str, what: str) -> str:
        """A cell of a form."""
        value = self.cells[column]
        return value if re.fullmatch(pattern, value, re.ASCII) else self.refuse(column, f"is {value!r}, not {what}")

    def whole(self, column: str, *, least: int = 0, most: int | None = None) -> int:
        """A whole number of at least `least`, and at most `most`."""
        value = self._parsed(column, int, "a whole number")
        if most is not None and value > most:
            self.refuse(column, f"is {value}, more than {most}")
        return value if value >= least else self.refuse(column, f"is {value}, less than {least}")

    def flag(self, column: str) -> bool:
        """1 or 0."""
        return self.choice(column, ("0", "1")) == "1"

    def day(self, column: str) -> date:
        """A date, YYYY-MM-DD."""
        return self._parsed(column, date.fromisoformat, "a date (YYYY-MM-DD)")

    def optional_day(self, column: str) -> date | None:
        """A date, or None for a blank cell."""
        return self.day(column) if self.cells[column] else None

    def instant(self, column: str) -> datetime:
        """A UTC instant, YYYY-MM-DD HH:MM:SS."""
        value = self._parsed(column, datetime.fromisoformat, "an instant (YYYY-MM-DD HH:MM:SS, UTC)")
        return value if value.tzinfo is None else self.refuse(column, "has a zone: instants are UTC without one")

    def optional_instant(self, column: str) -> datetime | None:
        """A UTC instant, or None for a blank cell."""
        return self.instant(column) if self.cells[column] else None

    def zone(self, column: str) -> str:
        """An IANA time zone."""
        value = self.text(column)
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            self.refuse(column, f"is {value!r}, which is no IANA time zone")
        return value

    def hours(self, column: str) -> tuple[int, int] | None:
        """`HH:MM-HH:MM` as minutes after midnight, or None for `closed`."""
        value = self.text(column)
        if value == "closed":
            return None
        found = _HOURS.fullmatch(value)
        if not found:
            self.refuse(column, f"is {value!r}, neither HH:MM-HH:MM nor closed")
        opens, closes = (int(hours) * 60 + int(minutes) for hours, minutes in (found.groups()[:2], found.groups()[2:]))
        if not _CLOCKS_TURN_BEFORE <= opens < closes <= _MINUTES_OF_DAY:
            self.refuse(column, f"is {value!r}: hours begin at 04:00 or later and end after they begin, by 24:00")
        return opens, closes

    def refuse(self, column: str, problem: str) -> NoReturn:
        """Raise RulesError about a cell of this row."""
        raise RulesError(f"{self.file}, line {self.number}, column {column!r} {problem}. Mend the file; nothing ran.")

    def _parsed(self, column: str, parse: Callable[[str], T], what: str) -> T:
        value = self.text(column)
        try:
            return parse(value)
        except ValueError:
            self.refuse(column, f"is {value!r}, not {what}")


def read_rows(folder: Path, name: str, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a file that has at least `columns`. Raises RulesError where it is missing or has other rows."""
    try:
        text = (folder / name).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RulesError(f"The rules file {name} is not in {folder}. Bring it back; nothing ran.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"The rules file {folder / name} cannot be read: {error}.") from None
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        if missing := [column for column in columns if column not in (reader.fieldnames or ())]:
            raise RulesError(f"{name} has no column {missing[0]!r}. Its columns are {', '.join(columns)}.")
        for cells in reader:
            if None in cells or None in cells.values():
                raise RulesError(f"{name}, line {reader.line_num} has {_width(cells)} cells than the header.")
            for column, value in cells.items():
                if value != value.strip():  # the marts read the cell as it is
                    raise RulesError(
                        f"{name}, line {reader.line_num}, column {column!r} has a blank before or after "
                        f"{value.strip()!r}. Take it out; nothing ran."
                    )
            yield Row(name, reader.line_num, cells)
    except csv.Error as error:
        raise RulesError(f"{name}, line {reader.line_num} is no CSV: {error}.") from None


def _width(cells: dict[str, str]) -> str:
    return "more" if None in cells else "fewer"
