"""`api_pulls`: readings of the API under way and done, their pages in the lake and the files that landed.

Three steps, each of which a kill may end at any instant:

1. Reading. A page is put into the lake (`pulls/<pull id>/page-00001.jsonl`), then the row tells where the next one
   begins, in the transaction that notes what the page holds. Killed between: the page is read and put there again.
2. Deciding. What lands is written into the lake (`landing.jsonl`); then the row names its landing key and checksum.
   From then on nobody decides anew, whatever is read meanwhile.
3. Landing. The file of the lake is put into the landing zone under that key, unless it is there, and one transaction
   says that the pull has LANDED and what of its people has. Killed between: the same file is found there.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cm_core.crm.records import canonical
from cm_core.lake import ObjectStore, lake, landing_zone
from cm_core.settings import Settings
from cm_core.store.locks import named_lock, transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.store.database import Database

#: Whoever reads the CRM for import holds it: pulls, the reconciliation, the handling of webhooks.
LOCK = "cm_crm_pull"
OPEN, LANDED, EMPTY, SAME = "OPEN", "LANDED", "EMPTY", "SAME"
PERSONS, ACTIVITIES, DEALS, OPT_OUTS = (
    "pipedrive_persons", "pipedrive_activities", "pipedrive_deals", "pipedrive_opt_outs",
)  # fmt: skip

_COLUMNS = (
    "pull_id, source, day, revision, window_from, window_to, state, next_cursor, pages, records, landing_key, "
    "checksum_sha256, started_at, finished_at, detail"
)
_LAST_OF_DAY = f"select {_COLUMNS} from api_pulls where source = %s and day = %s order by revision desc limit 1"
_OF_SOURCE = f"select {_COLUMNS} from api_pulls where source = %s order by started_at, pull_id"
_UNFINISHED = f"select {_COLUMNS} from api_pulls where source in %s and state = 'OPEN' order by started_at, pull_id"
_ONE = f"select {_COLUMNS} from api_pulls where pull_id = %s"
_ADD = """
insert into api_pulls (pull_id, source, day, revision, window_from, window_to, state, started_at, detail)
values (%s, %s, %s, %s, %s, %s, 'OPEN', utc_timestamp(6), %s)
"""
_ADD_DECIDED = """
insert into api_pulls
    (pull_id, source, day, revision, window_from, window_to, state, records, landing_key, checksum_sha256, started_at,
    detail)
values (%s, %s, %s, %s, %s, %s, 'OPEN', %s, %s, %s, utc_timestamp(6), %s)
"""
_PAGE = """
update api_pulls set next_cursor = %s, pages = %s, records = records + %s, detail = %s where pull_id = %s
"""
_AGAIN = "update api_pulls set next_cursor = null, pages = 0, records = 0, detail = %s where pull_id = %s"
_DECIDED = "update api_pulls set landing_key = %s, checksum_sha256 = %s, detail = %s where pull_id = %s"
_FINISHED = "update api_pulls set state = %s, finished_at = utc_timestamp(6), next_cursor = null where pull_id = %s"
_BEFORE = """
select checksum_sha256 from api_pulls
where source = %s and day = %s and revision < %s and state = 'LANDED'
order by revision desc limit 1
"""
_HANDLED = """
update crm_webhooks
set handled_at = utc_timestamp(6), outcome = %s, meta = json_remove(meta, '$.last')
where event_id = %s and handled_at is null
"""
_WAIT_S = 900
#: What `detail` says of how far the reading is.
_OF_READING = ("list", "covered_to", "read")


@dataclass(frozen=True)
class Pull:
    """A row of `api_pulls`. `detail`: `covered_to` (all changes before it are read), `lines` that land, and more."""

    pull_id: str
    source: str
    day: date | None
    revision: int
    window_from: datetime | None
    window_to: datetime | None
    state: str
    next_cursor: str | None
    pages: int
    records: int
    landing_key: str | None
    checksum: str | None
    started_at: datetime
    finished_at: datetime | None
    detail: Mapping[str, Any]

    @property
    def is_read(self) -> bool:
        """Whether there is no further page."""
        return bool(self.detail.get("read"))

    @property
    def is_decided(self) -> bool:
        """Whether it is settled what lands."""
        return self.landing_key is not None or bool(self.detail.get("nothing"))

    @property
    def folder(self) -> str:
        """Where its pages and what it lands lie in the lake."""
        return f"pulls/{self.pull_id}"


@contextmanager
def reading(database: Database, *, wait_s: float = _WAIT_S) -> Iterator[Connection[Any]]:
    """A connection that holds the lock of all who read the CRM for import. Raises WriterBusy."""
    with closing(database.connect()) as connection, named_lock(connection, LOCK, timeout_s=wait_s):
        connection.commit()
        yield connection


def open_pull(
    connection: Connection[Any],
    source: str,
    *,
    pull_id: str,
    day: date | None = None,
    revision: int = 1,
    window: tuple[datetime | None, datetime | None] = (None, None),
    detail: Mapping[str, Any] | None = None,
) -> Pull:
    """A new pull, under way."""
    with transaction(connection), connection.cursor() as cursor:
        cursor.execute(_ADD, (pull_id, source, day, revision, *window, canonical(dict(detail or {}))))
    return pull_of(connection, pull_id)


def pull_of(connection: Connection[Any], pull_id: str) -> Pull:
    """The pull of this id, as it is now."""
    (found,) = _select(connection, _ONE, pull_id)
    return found


def last_of_day(connection: Connection[Any], source: str, day: date) -> Pull | None:
    """The last revision of the day's pull."""
    return next(iter(_select(connection, _LAST_OF_DAY, source, day)), None)


def pulls_of(connection: Connection[Any], source: str) -> list[Pull]:
    """All pulls of a source, the oldest first."""
    return _select(connection, _OF_SOURCE, source)


def unfinished(connection: Connection[Any], *sources: str) -> list[Pull]:
    """The pulls under way, or left by a process that is gone."""
    return _select(connection, _UNFINISHED, sources)


def put_page(settings: Settings, pull: Pull, records: Iterable[Mapping[str, Any]]) -> None:
    """The pull's next page into the lake: before the row tells of it."""
    text = "".join(f"{json.dumps(record)}\n" for record in records)
    lake(settings).put_bytes(text.encode(), f"{pull.folder}/page-{pull.pages + 1:05d}.jsonl")


def note_page(
    cursor: Any, pull: Pull, next_cursor: str | None, records: int, *, read: bool, detail: Mapping[str, Any]
) -> Pull:
    """The page is in the lake: where the next begins, or that all is `read`. In the caller's transaction."""
    known = {**pull.detail, **detail, **({"read": True} if read else {})}
    cursor.execute(_PAGE, (next_cursor, pull.pages + 1, records, canonical(known), pull.pull_id))
    return replace(pull, next_cursor=next_cursor, pages=pull.pages + 1, records=pull.records + records, detail=known)


def read_again(connection: Connection[Any], pull: Pull) -> Pull:
    """Begin the pull from the first page of its first list: its cursor is not taken any more."""
    kept = {name: value for name, value in pull.detail.items() if name not in _OF_READING}
    with transaction(connection), connection.cursor() as cursor:
        cursor.execute(_AGAIN, (canonical(kept), pull.pull_id))
    return pull_of(connection, pull.pull_id)


def read_lines(store: ObjectStore, key: str) -> Iterator[dict[str, Any]]:
    """The lines of a file of the lake."""
    yield from (json.loads(line) for line in store.get_bytes(key).decode().split("\n") if line)


def pages(settings: Settings, pull: Pull) -> Iterator[list[dict[str, Any]]]:
    """The pull's pages out of the lake."""
    store = lake(settings)
    for number in range(1, pull.pages + 1):
        yield list(read_lines(store, f"{pull.folder}/page-{number:05d}.jsonl"))


def put_lines(settings: Settings, pull: Pull, name: str, lines: Iterable[Mapping[str, Any]]) -> tuple[int, str]:
    """Lines as a file of the pull in the lake; their number and the file's SHA-256. No lines: no file."""
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    digest, count = hashlib.sha256(), 0
    with tempfile.TemporaryDirectory(prefix="crm-", dir=settings.scratch_dir) as scratch:
        path = Path(scratch, name)
        with path.open("wb") as out:
            for line in lines:
                text = canonical(line).encode() + b"\n"
                out.write(text)
                digest.update(text)
                count += 1
        if count:
            lake(settings).take_file(path, f"{pull.folder}/{name}")
    return count, digest.hexdigest()


def decide(cursor: Any, pull: Pull, landing_key: str | None, checksum: str | None, **detail: Any) -> Pull:
    """What lands is in the lake (None: nothing does). In the caller's transaction."""
    known = {**pull.detail, **detail, **({} if landing_key else {"nothing": True})}
    cursor.execute(_DECIDED, (landing_key, checksum, canonical(known), pull.pull_id))
    return replace(pull, landing_key=landing_key, checksum=checksum, detail=known)


def add_decided(
    cursor: Any, source: str, pull_id: str, of: Pull, *, landing_key: str, checksum: str, records: int
) -> None:
    """A second file of a pull, with a row of its own, decided as `decide` does. In the caller's transaction."""
    row = (pull_id, source, of.day, of.revision, of.window_from, of.window_to, records, landing_key, checksum)
    cursor.execute(_ADD_DECIDED, (*row, canonical({"of": of.pull_id})))


def land(settings: Settings, pull: Pull, key: str) -> None:
    """Put the decided file, which is at `key` in the lake, where it lands, unless it is there.

    Raises StoreError where something else is there.
    """
    if pull.landing_key is None:
        return
    path = lake(settings).materialize(key, settings.scratch_dir / "crm")
    landing_zone(settings).put_once(path, pull.landing_key)


def finish(cursor: Any, pull: Pull, state: str) -> None:
    """The pull is done. In the caller's transaction."""
    cursor.execute(_FINISHED, (state, pull.pull_id))


def events_handled(cursor: Any, outcomes: Mapping[str, str]) -> None:
    """Events (id -> what came of it) are dealt with; what they said of people goes. In the caller's transaction."""
    cursor.executemany(_HANDLED, [(outcome[:255], event_id) for event_id, outcome in outcomes.items()])


def checksum_before(cursor: Any, pull: Pull) -> str | None:
    """The checksum of what an earlier revision of the day let land last."""
    cursor.execute(_BEFORE, (pull.source, pull.day, pull.revision))
    row = cursor.fetchone()
    return row[0] if row else None


def landing_key(source: str, at: datetime, suffix: str) -> str:
    """`raw-uploads/YYYY/MM/DD/HH/<source>_<timestamp>_<suffix>.jsonl`."""
    stamp = at.strftime("%Y%m%dT%H%M%S") + (f"{at.microsecond:06d}" if at.microsecond else "")
    return f"raw-uploads/{at:%Y/%m/%d/%H}/{source}_{stamp}_{suffix}.jsonl"


def free_landing_key(settings: Settings, pull: Pull, source: str, at: datetime, suffix: str) -> str:
    """`landing_key`; where something lies there, of a time before the database was restored, one of the pull's own."""
    key = landing_key(source, at, suffix)
    if not landing_zone(settings).exists(key):
        return key
    return landing_key(source, at, f"{suffix}_{pull.started_at:%Y%m%dT%H%M%S%f}")


def utc_now() -> datetime:
    """Now, naive UTC: for names only, never for what was read when."""
    return datetime.now(UTC).replace(tzinfo=None)


def _select(connection: Connection[Any], statement: str, *parameters: object) -> list[Pull]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    connection.commit()  # READ COMMITTED: nothing is held while the API is asked
    return [_pull(row) for row in rows]


def _pull(row: tuple[Any, ...]) -> Pull:
    values = dict(zip((each.name for each in fields(Pull)), row, strict=True))
    return Pull(**{**values, "detail": json.loads(values["detail"] or "{}")})
