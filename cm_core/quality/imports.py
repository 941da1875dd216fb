"""How the imports went by day: rows and rejected rows, from the mart `import_quality`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pymysql

from cm_core.store import Database

#: Days that the trend goes back.
DAYS = 30
_NO_SUCH_TABLE = 1146
_BY_DAY = """
select
    date(uploaded_at),
    count(*),
    sum(status in ('FAILED', 'REJECTED')),
    coalesce(sum(row_count), 0),
    coalesce(sum(error_count), 0)
from import_quality
where uploaded_at >= %s and uploaded_at <= %s
group by date(uploaded_at)
order by date(uploaded_at)
"""


@dataclass(frozen=True)
class ImportDay:
    """The imports of files that arrived on a day (UTC); `failed` counts those FAILED or REJECTED as a whole."""

    day: date
    imports: int
    failed: int
    rows: int
    rejected_rows: int

    @property
    def error_percent(self) -> float | None:
        """Rejected rows in percent; None where no file had rows."""
        return round(100 * self.rejected_rows / self.rows, 2) if self.rows else None


def import_days(database: Database, *, at: datetime) -> tuple[ImportDay, ...] | None:
    """The days of the last 30 on which files arrived, oldest first; None where the mart is not built yet.

    The mart knows what was there at its last build.
    """
    with database.connect() as connection, connection.cursor() as cursor:
        try:
            cursor.execute(_BY_DAY, (at - timedelta(days=DAYS), at))
        except pymysql.ProgrammingError as error:
            if error.args[0] != _NO_SUCH_TABLE:
                raise
            return None
        return tuple(
            ImportDay(day, int(imports), int(failed), int(rows), int(rejected))
            for day, imports, failed, rows, rejected in cursor.fetchall()
        )
