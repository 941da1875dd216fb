"""The versions of do-not-call lists in MySQL: what was obtained when, what it covers, what it changed, or why not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymysql.connections import Connection

from cm_core.compliance.dnc import statements
from cm_core.compliance.dnc.obtained import list_obtained_at
from cm_core.compliance.dnc.staged import SaidList, safe_name
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.records import ImportRecord, now
from cm_core.imports.staging_suppressions import list_name

if TYPE_CHECKING:
    from cm_core.compliance.dnc.apply import Drafted

#: Area codes whose reasons are told one by one.
_SHOWN = 10


def write(connection: Connection[Any], record: ImportRecord, drafted: Drafted) -> list[str]:
    """Make a drafted list the version in force of its area codes; what people should know. The caller commits."""
    said = drafted.said
    reasons = [each.reason for each in drafted.drafts if each.reason]
    in_force = any(each.place in ("current", "additions") for each in drafted.drafts)
    older = [each for each in drafted.drafts if each.is_older]
    status = "OLDER" if older and not in_force else "IN_FORCE"
    version_id = _version(
        connection, record, said, status, in_short(reasons) or None,
        added=drafted.sum_of("added"), removed=drafted.sum_of("removed"),
    )  # fmt: skip
    with connection.cursor() as cursor:
        for each in drafted.drafts:
            if each.place == "nothing":
                continue
            key, count = drafted.files[each.area_code]
            row = (said.source, each.area_code, version_id, each.obtained_at, count, key)
            if each.place == "older":
                cursor.execute(statements.REMEMBER, row)
            elif each.place == "additions":
                cursor.execute(statements.ADD_TO_NO_LIST, row)
            else:
                cursor.execute(statements.NO_LONGER_CURRENT, (said.source, each.area_code))
                cursor.execute(statements.COVER, row)
                cursor.execute(statements.FORGET_ADDITIONS, (said.source, each.area_code))
    return reasons


def is_accepted(connection: Connection[Any], record: ImportRecord) -> bool:
    """Whether the import's lists are versions already, in force or older than what is: its rows are in, and stay in."""
    with connection.cursor() as cursor:
        cursor.execute(statements.ACCEPTED, (record.import_id,))
        row = cursor.fetchone()
    return bool(row and row[0])


def is_first(connection: Connection[Any], record: ImportRecord, source: str) -> bool:
    """Whether no version of the list was in force before."""
    with connection.cursor() as cursor:
        cursor.execute(statements.EARLIER_VERSION, (source, record.import_id))
        row = cursor.fetchone()
    return not (row and row[0])


def refuse(connection: Connection[Any], record: ImportRecord, said: Sequence[SaidList], reason: str) -> None:
    """Note that the lists of an import were refused, in a transaction of its own."""
    for each in said:
        _version(connection, record, each, "REFUSED", reason, added=0, removed=0)
    if not said:  # not one row of it was good
        source = safe_name(list_name(load_feed(record.feed)))
        nothing = SaidList(source, 0, False, list_obtained_at(record), Path())
        _version(connection, record, nothing, "REFUSED", reason, added=0, removed=0)
    connection.commit()


def in_short(reasons: Sequence[str]) -> str:
    """The reasons of all area codes in one text of bounded length."""
    more = f"; and {len(reasons) - _SHOWN} more area codes" if len(reasons) > _SHOWN else ""
    return "; ".join(reasons[:_SHOWN]) + more


def _version(
    connection: Connection[Any],
    record: ImportRecord,
    said: SaidList,
    status: str,
    reason: str | None,
    *,
    added: int,
    removed: int,
) -> int:
    """Write the version's row, or bring the one that is there up to date; its id."""
    values = {
        "source": said.source,
        "kind": "change" if said.is_change_list else "full",
        "import_id": record.import_id,
        "obtained_at": said.obtained_at,
        "status": status,
        "status_reason": reason,
        "area_codes": len(said.area_codes),
        "row_count": said.rows,
        "bad_rows": record.error_count or 0,
        "added": added,
        "removed": removed,
        "checksum": record.checksum_sha256,
        "now": now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(statements.FIND_VERSION, (record.import_id, said.source))
        found = cursor.fetchone()
        if found is None:
            cursor.execute(statements.INSERT_VERSION, values)
            return int(cursor.lastrowid)
        version_id, was = int(found[0]), found[1]
        kept = {} if was == "REFUSED" or status != "OLDER" else {"status": was}
        cursor.execute(statements.UPDATE_VERSION, values | kept | {"id": version_id})
        return version_id
