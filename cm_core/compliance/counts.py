"""What applying a list of suppressions comes to, and what may be done before it is committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: How long an import waits for another writer: longer than the largest apply takes.
WRITER_TIMEOUT_S = 3600


@dataclass(frozen=True)
class ApplyCounts:
    """Source rows of one import: they brought a new fact, changed a known one, or changed nothing."""

    inserted: int
    updated: int
    skipped: int


#: Called with the connection inside the transaction, before the commit; raising rolls everything back.
Finish = Callable[["Connection[Any]", ApplyCounts], None]
