"""The rules that are data: `dbt_project/seeds`, which dbt loads for the marts and this package reads as files."""

from __future__ import annotations

from pathlib import Path

import cm_core


def seed(name: str) -> Path:
    """The file of the seed called `name`, beside this package."""
    return Path(cm_core.__file__).parent.with_name("dbt_project") / "seeds" / f"{name}.csv"
