"""The dated terms of do-not-call lists, out of `dbt_project/seeds/compliance_terms.csv`: a change there is one here."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import cm_core
from cm_core.errors import SettingsError

_FILE = Path("dbt_project") / "seeds" / "compliance_terms.csv"


@dataclass(frozen=True)
class DncTerms:
    """How old a list may be, and the percentages from which a file, and a loss of numbers, is not believed."""

    max_age: timedelta
    bad_lines_percent: float
    max_shrink_percent: float


def dnc_terms(on: date) -> DncTerms:
    """The terms in force on a UTC date. Raises SettingsError where the file has none."""
    return DncTerms(
        timedelta(days=_term("dnc_list_max_age", "day", on)),
        _term("dnc_bad_lines", "percent", on),
        _term("dnc_max_shrink", "percent", on),
    )


def _term(name: str, unit: str, on: date) -> float:
    for row in _rows():
        if row["term"] == name and row["unit"] == unit:
            until = row["effective_until"]
            if date.fromisoformat(row["effective_from"]) <= on and (not until or on < date.fromisoformat(until)):
                return float(row["value"])
    raise SettingsError(f"{_FILE} has no {name!r} in {unit} for {on}. Add the row.")


@cache
def _rows() -> tuple[dict[str, str], ...]:
    # The dbt project lies beside the packages, as `resources.dbt` has it.
    path = Path(str(cm_core.__file__)).resolve().parent.with_name(_FILE.parts[0]).joinpath(*_FILE.parts[1:])
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return tuple(csv.DictReader(lines))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. It belongs to the project.") from None
